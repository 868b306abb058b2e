package runtime

import (
	"context"
	"fmt"
	"testing"

	"github.com/godwit-ai/godwit/internal/testmodel"
)

// BenchmarkRows measures what passCost says: a pass over some rows after 500 tokens, with the logits of all.
func BenchmarkRows(b *testing.B) {
	ctx := context.Background()
	const depth = 500
	for _, name := range []string{"smollm2:135m", "gemma3:270m"} {
		m, err := Open(testmodel.Path(b, name), Options{})
		if err != nil {
			b.Fatal(err)
		}
		s, err := m.NewSession(SessionOptions{Context: 2048})
		if err != nil {
			b.Fatal(err)
		}
		ids := make([]int32, depth)
		for i := range ids {
			ids[i] = int32(i*37%9000 + 10)
		}
		if err := s.Feed(ctx, ids, nil); err != nil {
			b.Fatal(err)
		}
		s.prepare(15)
		for _, n := range []int{1, 2, 3, 4, 5, 8, 12, 16} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					if err := s.pass(ctx, ids[:n], s.ahead.want[:n], s.ahead.rows[:n*m.Info.Vocab]); err != nil {
						b.Fatal(err)
					}
					if err := s.rewind(ctx, depth, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGuess measures what a token of a text costs that does not repeat itself, and of one that does.
func BenchmarkGuess(b *testing.B) {
	for _, period := range []int{20, 1 << 20} {
		b.Run(fmt.Sprintf("period=%d", period), func(b *testing.B) {
			l := newLookup(1 << 15)
			stream := make([]int32, 0, 1<<15)
			for b.Loop() {
				if len(stream) == cap(stream) {
					stream = stream[:0]
					l.forget(0)
				}
				id := int32(len(stream) % period * 2654435 % 49152)
				l.saw(len(stream), id)
				stream = append(stream, id)
				l.guess(stream, 15)
			}
		})
	}
}
