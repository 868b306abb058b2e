package eval

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

// scored counts how often each token is scored.
func scored(t *testing.T, p Perplexity, n int) []int {
	t.Helper()
	ws, err := p.windows(n)
	if err != nil {
		t.Fatal(err)
	}
	count := make([]int, n)
	for _, w := range ws {
		if w.hi-w.lo > p.Context || w.lo < 0 || w.hi > n || w.score <= w.lo || w.score >= w.hi {
			t.Fatalf("%+v of %d tokens: window %+v", p, n, w)
		}
		for i := w.score; i < w.hi; i++ {
			count[i]++
		}
	}
	return count
}

func TestWindows(t *testing.T) {
	for n := 8; n < 200; n++ {
		for i, c := range scored(t, Perplexity{Protocol: Chunks, Context: 8}, n) {
			want := 0
			if i < n/8*8 && i%8 > 4 {
				want = 1
			}
			if c != want {
				t.Fatalf("chunks of 8, %d tokens: token %d is scored %d times, want %d", n, i, c, want)
			}
		}
		for stride := 1; stride < 8; stride++ {
			for i, c := range scored(t, Perplexity{Protocol: Sliding, Context: 8, Stride: stride}, n) {
				if want := min(i, 1); c != want {
					t.Fatalf("sliding by %d, %d tokens: token %d is scored %d times, want %d", stride, n, i, c, want)
				}
			}
		}
	}
}

func TestWindowErrors(t *testing.T) {
	for _, p := range []Perplexity{{}, {Protocol: "other", Context: 8}, {Protocol: Sliding, Context: 8, Stride: 8}, {Protocol: Chunks, Context: 3}} {
		if _, err := p.windows(100); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	if _, err := (Perplexity{Protocol: Chunks, Context: 512}).windows(511); !errors.Is(err, ErrShort) {
		t.Errorf("511 tokens in windows of 512: %v", err)
	}
}

func TestDistances(t *testing.T) {
	p, q := []float32{1, 2, 3, 700}, []float32{3, 2, 1, 700}
	if d := math.Abs(LogSumExp([]float32{0, 0, 0, 0}) - math.Log(4)); d > 1e-12 {
		t.Errorf("log Σ e^0 of 4 is %v off", d)
	}
	if lp := LogProb(p, 3); lp > 0 || lp < -1e-12 {
		t.Errorf("log-probability of the certain token: %v", lp)
	}
	if KL(p, p) != 0 {
		t.Errorf("KL(p, p) = %v", KL(p, p))
	}
	none := float32(math.Inf(-1))
	if kl := KL([]float32{1, none}, []float32{1, none}); kl != 0 {
		t.Errorf("a token that neither allows: KL = %v", kl)
	}
	p[3], q[3] = 0, 0
	var want float64
	zp, zq := 1+math.E+math.Exp(2)+math.Exp(3), 1+math.E+math.Exp(2)+math.Exp(3)
	for i := range p {
		a, b := math.Exp(float64(p[i]))/zp, math.Exp(float64(q[i]))/zq
		want += a * math.Log(a/b)
	}
	if d := math.Abs(KL(p, q) - want); d > 1e-12 {
		t.Errorf("KL = %v, want %v", KL(p, q), want)
	}
}

// TestProtocols compares a run with the same sum taken token by token.
func TestProtocols(t *testing.T) {
	m, err := godwit.Open(testmodel.Path(t, "smollm2:135m"), godwit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ids, err := m.Tokenize("The quick brown fox jumps over the lazy dog, and the dog, being lazy, does not mind it at all.", false)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	all, err := Perplexity{Protocol: Sliding, Context: len(ids), Stride: 1}.Run(ctx, m, ids, nil)
	if err != nil {
		t.Fatal(err)
	}
	if all.Tokens != len(ids)-1 {
		t.Errorf("%d tokens scored, want %d", all.Tokens, len(ids)-1)
	}
	for _, bad := range []int32{-1, 1 << 30} { // the last token is scored and never fed
		if _, err := (Perplexity{Protocol: Sliding, Context: 8}).Run(ctx, m, []int32{1, 2, bad}, nil); !errors.Is(err, godwit.ErrToken) {
			t.Errorf("id %d: %v", bad, err)
		}
	}
	s, err := m.NewSession(godwit.SessionOptions{Context: len(ids)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var nll float64 // by hand, token by token
	for i, id := range ids[:len(ids)-1] {
		if err := s.Feed(ctx, []int32{id}, nil); err != nil {
			t.Fatal(err)
		}
		logits, err := s.Logits()
		if err != nil {
			t.Fatal(err)
		}
		nll -= LogProb(logits, ids[i+1])
	}
	if d := math.Abs(nll/float64(len(ids)-1) - all.NLL); d > 1e-12 {
		t.Errorf("nll %v, by hand %v", all.NLL, nll/float64(len(ids)-1))
	}
}
