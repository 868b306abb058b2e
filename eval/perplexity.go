// Package eval measures models on text.
package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/mmap"
)

// Protocol says how a long text is cut into windows.
type Protocol string

const (
	// Chunks are windows that do not overlap, each started with BOS where the model adds one; the second half of each is
	// scored. It is llama.cpp's protocol.
	Chunks Protocol = "chunks"
	// Sliding windows overlap: each is Context long and begins Stride tokens after the one before; only tokens that no
	// earlier window scored are scored, so that every token but the first is, with the longest past at hand.
	Sliding Protocol = "sliding"
)

// Perplexity is a measurement, and the options that make one.
type Perplexity struct {
	Protocol Protocol
	Context  int // tokens of a window
	Stride   int // of Sliding; 0: half the window
	Exact    bool
}

// Result is a mean over the scored tokens.
type Result struct {
	PPL    float64 // e^NLL
	NLL    float64 // mean negative log-likelihood, nats per token
	Tokens int     // scored
	// ReadShare is the part of their past that tokens have read in the layers whose plan has a selector; 1 without.
	ReadShare float64
	// ChoiceShare is the part of the tokens that have chosen what they read, over the heads with a selector; 0 without.
	ChoiceShare float64

	Quarters     []Quarter // of windows of Quartered tokens and more, which tell whether the end of a long text is like its beginning; else nil
	AnonPeak     int64     // most memory of the process seen that is no file's pages; 0 where the system does not tell
	SpillWritten int64     // see godwit.Stats
}

// Quarter is a quarter of the positions of windows.
type Quarter struct {
	Fed    int           // tokens read
	Time   time.Duration // that took
	Tokens int           // scored
	NLL    float64       // mean of these
}

// TPS returns the tokens read per second.
func (q Quarter) TPS() float64 {
	if q.Time <= 0 {
		return 0
	}
	return float64(q.Fed) / q.Time.Seconds()
}

// Quartered is the least tokens of a window whose quarters are told: they end steps, which in short ones would cost time.
const Quartered = 4096

// ErrShort says that a text has too few tokens for one window.
var ErrShort = errors.New("the text is shorter than one window")

// MinContext is the smallest window: both halves of one predict something.
const MinContext = 4

type window struct{ lo, hi, score int } // tokens [lo, hi), scored from token score on

func (p Perplexity) windows(n int) ([]window, error) {
	if p.Context < MinContext {
		return nil, fmt.Errorf("perplexity: a window of %d tokens is too small: %d are the least", p.Context, MinContext)
	}
	var ws []window
	switch p.Protocol {
	case Chunks:
		for lo := 0; lo+p.Context <= n; lo += p.Context {
			ws = append(ws, window{lo, lo + p.Context, lo + p.Context/2 + 1})
		}
	case Sliding:
		stride := p.Stride
		if stride == 0 {
			stride = p.Context / 2
		}
		if stride < 1 || stride > p.Context-1 {
			return nil, fmt.Errorf("perplexity: a stride of %d does not fit a window of %d tokens", stride, p.Context)
		}
		for lo, done := 0, 1; done < n; lo += stride {
			hi := min(lo+p.Context, n)
			ws = append(ws, window{lo, hi, done})
			done = hi
		}
	default:
		return nil, fmt.Errorf("perplexity: unknown protocol %q (known: %s, %s)", p.Protocol, Chunks, Sliding)
	}
	if len(ws) == 0 || n < 2 {
		return nil, fmt.Errorf("perplexity: %d tokens, window %d: %w", n, p.Context, ErrShort)
	}
	return ws, nil
}

// Run measures m on tokens, which should be those of the whole text with no BOS but the tokenizer's own. Progress counts
// windows.
func (p Perplexity) Run(ctx context.Context, m *godwit.Model, tokens []int32, progress godwit.Progress) (Result, error) {
	ws, err := p.windows(len(tokens))
	if err != nil {
		return Result{}, err
	}
	vocab := m.Info().Vocab
	for i, id := range tokens { // a window's last token is scored and not fed
		if id < 0 || int(id) >= vocab {
			return Result{}, fmt.Errorf("perplexity: token %d of %d: id %d of %d: %w", i, len(tokens), id, vocab, godwit.ErrToken)
		}
	}
	bos, begins := int32(0), false
	if tok, err := m.Tokenizer(); err == nil && tok.AddBOS() {
		bos, begins = tok.BOS()
	}
	s, err := m.NewSession(godwit.SessionOptions{Context: p.Context, Exact: p.Exact})
	if err != nil {
		return Result{}, err
	}
	defer s.Close()
	r := run{session: s}
	if p.Context >= Quartered {
		r.Quarters = make([]Quarter, 4)
	}
	buf := make([]int32, p.Context)
	for i, w := range ws {
		part := buf[:copy(buf, tokens[w.lo:w.hi])]
		if begins && p.Protocol == Chunks {
			part[0] = bos
		}
		if err := s.Rewind(ctx, 0, nil); err != nil {
			return r.Result, err
		}
		// Only the rows that predict a scored token need logits, which cost as much as all layers of a small model with a
		// large vocabulary; nor does the window's last token.
		if err := r.window(ctx, part, w.score-1-w.lo); err != nil {
			return r.Result, fmt.Errorf("perplexity: window %d of %d: %w", i+1, len(ws), err)
		}
		if progress != nil {
			progress(i+1, len(ws))
		}
	}
	for i := range r.Quarters {
		q := &r.Quarters[i]
		r.sum += q.NLL
		q.NLL /= float64(max(1, q.Tokens))
	}
	st := s.Stats()
	r.ReadShare, r.ChoiceShare, r.SpillWritten = st.ReadShare(), st.ChoiceShare(), st.SpillWritten
	r.NLL = r.sum / float64(r.Tokens)
	r.PPL = math.Exp(r.NLL)
	return r.Result, nil
}

// run is a measurement in progress.
type run struct {
	Result
	session *godwit.Session
	sum     float64 // of what was scored outside of quarters
	seen    int     // tokens since memory was looked at
}

// window reads part, all but its last token, of which those from skip on predict a scored one.
func (r *run) window(ctx context.Context, part []int32, skip int) error {
	if r.Quarters == nil {
		q := Quarter{NLL: r.sum}
		err := r.read(ctx, part, 0, len(part)-1, skip, &q)
		r.sum = q.NLL
		return err
	}
	for i := range r.Quarters {
		if err := r.read(ctx, part, i*(len(part)-1)/4, (i+1)*(len(part)-1)/4, skip, &r.Quarters[i]); err != nil {
			return err
		}
	}
	return nil
}

// read reads tokens [lo, hi) of part; q.NLL becomes a sum.
func (r *run) read(ctx context.Context, part []int32, lo, hi, skip int, q *Quarter) error {
	start := time.Now()
	from := min(max(lo, skip), hi)
	if err := r.session.Feed(ctx, part[lo:from], func(int, int) { r.look(lookEvery) }); err != nil {
		return err
	}
	if from < hi {
		if err := r.session.Each(ctx, part[from:hi], func(j int, logits []float32) error {
			q.NLL -= LogProb(logits, part[from+j+1])
			r.Tokens++
			q.Tokens++
			r.look(1)
			return nil
		}); err != nil {
			return err
		}
	}
	q.Fed += hi - lo
	q.Time += time.Since(start)
	return nil
}

// lookEvery is after how many tokens memory is looked at.
const lookEvery = 256

func (r *run) look(tokens int) {
	if r.seen += tokens; r.seen >= lookEvery {
		r.seen = 0
		r.AnonPeak = max(r.AnonPeak, mmap.MemoryUsage().Anon)
	}
}

// LogProb returns the natural logarithm of the probability of id under softmax(logits), in float64.
func LogProb(logits []float32, id int32) float64 {
	return float64(logits[id]) - LogSumExp(logits)
}

// LogSumExp returns log Σ e^x, in float64.
func LogSumExp(x []float32) float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = math.Max(top, float64(v))
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// KL returns Σ p·log(p/q) of softmax(p) and softmax(q), in nats.
func KL(p, q []float32) float64 {
	zp, zq := LogSumExp(p), LogSumExp(q)
	var sum float64
	for i := range p {
		lp, lq := float64(p[i])-zp, float64(q[i])-zq
		if w := math.Exp(lp); w > 0 { // 0·log 0 is 0, not NaN
			sum += w * (lp - lq)
		}
	}
	return sum
}
