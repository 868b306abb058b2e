package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/vec"
)

// place is where the scored tokens of a window are: [first, first+Score) of a book. Each length has the tokens before them.
type place struct{ book, first int }

// windows spreads the windows evenly over all books, so that the scored parts do not overlap. They are the same for all lengths.
func (r *planRun) windows() ([]place, error) {
	longest := 0
	for _, n := range r.Contexts {
		longest = max(longest, n)
	}
	room := 0 // places that a window could have
	for _, ids := range r.books {
		room += max(0, len(ids)-longest)
	}
	n := min(r.Windows, room/r.Score)
	if n < 2 {
		return nil, fmt.Errorf("two contexts of %d tokens that end with %d different ones: %w", longest, r.Score, ErrShort)
	}
	rng := rand.New(rand.NewPCG(r.Seed, 1))
	shift := rng.Float64()
	var places []place
	for k := range n {
		at := int((float64(k) + shift) / float64(n) * float64(room))
		for b, ids := range r.books {
			here := max(0, len(ids)-longest)
			if at < here {
				places = append(places, place{b, at + longest - r.Score})
				break
			}
			at -= here
		}
	}
	return places, nil
}

// groups are the plans, by index in models, whose sessions are held together beside the model's own.
func (r *planRun) groups(length int) (groups [][]int) {
	limit := r.Memory
	if limit == 0 {
		limit = 1 << 30
	}
	var held int64
	for i, m := range r.models {
		need, _ := m.KVBytes(length) // what is wrong is told when the session is made
		if i == 0 {
			limit -= need
			continue
		}
		if len(groups) == 0 || held+need > limit {
			groups, held = append(groups, nil), 0
		}
		last := len(groups) - 1
		groups[last], held = append(groups[last], i), held+need
	}
	if len(groups) == 0 {
		return [][]int{nil}
	}
	return groups
}

// agree fills in what the plans make of the windows' scored tokens.
func (r *planRun) agree(ctx context.Context, length int, windows []place, rows []PlanResult) error {
	for _, group := range r.groups(length) {
		if err := r.agreeGroup(ctx, length, windows, group, rows); err != nil {
			return err
		}
	}
	for i := range rows {
		rows[i].sum(&rows[0])
	}
	return nil
}

// agreeGroup runs the model's own plan and those of a group side by side: its logits of all scored tokens would be a gigabyte for
// 262,144 entries.
func (r *planRun) agreeGroup(ctx context.Context, length int, windows []place, group []int, rows []PlanResult) (err error) {
	var sessions []*godwit.Session // the model's own plan's first
	defer func() {
		for _, s := range sessions {
			err = errors.Join(err, s.Close())
		}
	}()
	all := append([]int{0}, group...)
	for _, i := range all {
		s, err := r.session(r.models[i], length)
		if err != nil {
			return fmt.Errorf("plan %q, %d tokens: %w", rows[i].Edits, length, err)
		}
		sessions = append(sessions, s)
	}
	rows[0].Windows = nil // a further group measures it again, with the same result
	block := newReference(r.models[0].Info().Vocab, 16, r.Score)
	for _, w := range windows {
		ids := append(append([]int32(nil), r.bos...), r.books[w.book][w.first+r.Score-length+len(r.bos):w.first+r.Score]...)
		read := length - r.Score - 1 // the row after it predicts the first scored token
		sums := make([]PlanWindow, len(all))
		for k, s := range sessions {
			err := s.Rewind(ctx, 0, nil)
			if err == nil {
				err = s.Feed(ctx, ids[:read], r.meter.part)
			}
			if err != nil {
				return fmt.Errorf("plan %q, %d tokens: %w", rows[all[k]].Edits, length, err)
			}
			r.meter.add(read)
		}
		for at := read; at < length-1; at += block.rows {
			end := min(at+block.rows, length-1)
			for k, s := range sessions {
				err := s.Each(ctx, ids[at:end], func(i int, logits []float32) error {
					block.see(&sums[k], k == 0, i, logits, ids[at+i+1])
					return nil
				})
				if err != nil {
					return fmt.Errorf("plan %q, %d tokens: %w", rows[all[k]].Edits, length, err)
				}
				r.meter.add(end - at)
			}
		}
		for k, i := range all {
			n := float64(r.Score)
			s := sums[k]
			rows[i].KVBytes = sessions[k].Stats().KVBytes
			rows[i].Windows = append(rows[i].Windows, PlanWindow{r.Books[w.book].Name, w.first, s.NLL / n, s.KL / n, 100 * s.SameTop / n})
		}
	}
	return nil
}

// reference is what the model's own plan says of a few tokens in a row.
type reference struct {
	rows, vocab int
	logits      []float32 // [rows, vocabulary]
	weights     []float32 // e^(logits − their maximum), [rows, vocabulary]
	total       []float64 // sums of weights, [rows]
	lse         []float64 // log Σ e^logits, [rows]
	top         []int     // [rows]
	spare       []float32 // [vocabulary]
}

// referenceFloats bounds the logits of a block: 16 MB, and as much for their weights.
const referenceFloats = 4 << 20

func newReference(vocab, least, most int) *reference {
	rows := min(max(least, referenceFloats/vocab), most)
	return &reference{rows: rows, vocab: vocab, logits: make([]float32, rows*vocab), weights: make([]float32, rows*vocab),
		total: make([]float64, rows), lse: make([]float64, rows), top: make([]int, rows), spare: make([]float32, vocab)}
}

// see adds row i of the block, which predicts token id, to a window's sums. Those of the model's own plan, of which own tells, come
// first.
func (b *reference) see(sum *PlanWindow, own bool, i int, logits []float32, id int32) {
	x, w := b.logits[i*b.vocab:(i+1)*b.vocab], b.weights[i*b.vocab:(i+1)*b.vocab]
	if own {
		copy(x, logits)
		b.lse[i], b.total[i] = logSumExp(w, x)
		b.top[i] = best(x)
		sum.NLL += b.lse[i] - float64(x[id])
		sum.SameTop++
		return
	}
	lse, _ := logSumExp(b.spare, logits)
	sum.NLL += lse - float64(logits[id])
	if best(logits) == b.top[i] {
		sum.SameTop++
	}
	// Σ p·(log p − log q): with the same bits it is 0 exactly, whatever was rounded.
	var d float64
	for j, p := range w {
		if p > 0 { // 0·log 0 is 0, not NaN
			d += float64(float64(p) * (float64(x[j]) - float64(logits[j])))
		}
	}
	sum.KL += d/b.total[i] + lse - b.lse[i]
}

// logSumExp sets w = e^(x − max x) and returns log Σ e^x and Σ w. Parts of 1,024 are added in float32, so it is within 1e-6 of LogSumExp
// at a tenth of its time.
func logSumExp(w, x []float32) (lse, total float64) {
	top := vec.Max(x)
	for lo := 0; lo < len(x); lo += 1024 {
		hi := min(lo+1024, len(x))
		total += float64(vec.ExpSum(w[lo:hi], x[lo:hi], top))
	}
	return float64(top) + math.Log(total), total
}

// sum fills in the means over the windows.
func (r *PlanResult) sum(own *PlanResult) {
	var kl moments
	r.NLL, r.SameTop = 0, 0
	n := float64(len(r.Windows))
	for _, w := range r.Windows {
		kl.add(w.KL)
		r.NLL += w.NLL / n
		r.SameTop += w.SameTop / n
	}
	r.KL, r.KLSE = kl.mean(), kl.se()
	r.against(own)
}

// against fills in the loss against the same tokens of another result.
func (r *PlanResult) against(own *PlanResult) {
	var loss moments
	for i, w := range r.Windows {
		loss.add(w.NLL - own.Windows[i].NLL)
	}
	r.Loss = 100 * math.Expm1(loss.mean())
	r.LossSE = 100 * math.Exp(loss.mean()) * loss.se()
}

// moments are those of some numbers.
type moments struct{ x []float64 }

func (m *moments) add(x float64) { m.x = append(m.x, x) }

func (m *moments) mean() (sum float64) {
	for _, x := range m.x {
		sum += x
	}
	return sum / float64(len(m.x))
}

// se is the standard error of the mean; of fewer than two numbers it is 0.
func (m *moments) se() float64 {
	if len(m.x) < 2 {
		return 0
	}
	mean, sum := m.mean(), 0.0
	for _, x := range m.x {
		sum += float64((x - mean) * (x - mean))
	}
	n := float64(len(m.x))
	return math.Sqrt(sum / (n - 1) / n)
}
