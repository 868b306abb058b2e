package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/godwit-ai/godwit"
)

// Plans is a comparison of attention plans of one model, and its options: what each of them loses against the model's own plan, and what
// it saves (the question, at equal bytes, of Yuan et al. 2024, arXiv 2407.01527). All plans see the same tokens.
type Plans struct {
	Edits    []string // of the model's own plan, which is compared with all of them; see PlanAt
	Contexts []int    // lengths in tokens
	Books    []Book

	Windows int // contexts of each length whose ends are scored
	Score   int // tokens scored at the end of each

	Documents int // texts of each length with what is asked for hidden in them
	Needles   int // in each document, at depths that are spread over it
	Pairs     int // lines of a name and a number in each document, up to MaxPairs; all are asked for
	Decode    int // tokens fed one by one after a document, for their speed

	Chat  bool   // ask by the model's chat template
	Chunk int    // tokens of a prompt computed at once, as in SessionOptions; a ring holds as many rows beyond its window
	Seed  uint64 // of what is hidden where, and of where contexts begin
	Exact bool

	// Memory bounds the keys and values that are held at once, in bytes, if that is more than two sessions take; 0: 1 GiB. The
	// result does not depend on it.
	Memory int64
}

// Book is a text that contexts are taken from. It should be longer than the longest of them.
type Book struct{ Name, Text string }

// PlanResult is what was measured of one plan at one length.
type PlanResult struct {
	Context int
	Edits   string // "": the model's own plan, which comes first of each length
	Plan    string

	NLL     float64      // mean negative log-likelihood of the scored tokens, nats
	Loss    float64      // how much the perplexity is above that of the model's own plan, percent
	LossSE  float64      // standard error of Loss, from the differences of the windows, percent
	KL      float64      // mean of KL(own ‖ plan) over the scored tokens, nats
	KLSE    float64      // standard error of it
	SameTop float64      // percent of the scored tokens at which both have the same most probable token
	Windows []PlanWindow // of which these are the means

	KVBytes    int64   // of a session that has read Context tokens
	Anon       int64   // most anonymous memory of the process while its documents were read; 0 where the system does not tell
	PrefillTPS float64 // tokens per second of reading a document; the median
	DecodeTPS  float64 // of single tokens after it; the median

	Tasks []TaskResult
}

// PPL is the perplexity, e^NLL.
func (r *PlanResult) PPL() float64 { return math.Exp(r.NLL) }

// PerToken is KVBytes for each token of the context.
func (r *PlanResult) PerToken() float64 { return float64(r.KVBytes) / float64(r.Context) }

// PlanWindow is the end of one context.
type PlanWindow struct {
	Book    string
	First   int // index of the first scored token in the book
	NLL     float64
	KL      float64
	SameTop float64
}

// TaskResult sums up the questions of one task.
type TaskResult struct {
	Task      Task
	Questions int
	Exact     float64 // percent of the questions whose answer's tokens were all the most probable ones
	Part      float64 // percent of the answers' tokens that were
	LogProb   float64 // mean log-probability of a token of the answers, nats
	Depths    []DepthResult
}

// DepthResult is the part of a task's questions whose answers stood in one part of the documents.
type DepthResult struct {
	Depth     float64 // the middle of the part, percent
	Questions int
	Exact     float64
	LogProb   float64
}

// ErrPlans says that the options of a comparison make no sense.
var ErrPlans = errors.New("comparison of plans")

// MaxPairs is the most that Plans.Pairs may be.
const MaxPairs = 32

func (p *Plans) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrPlans, fmt.Sprintf(format, args...))
	}
	switch {
	case len(p.Contexts) == 0:
		return bad("no lengths")
	case len(p.Books) == 0:
		return bad("no books")
	case p.Windows < 2:
		return bad("%d windows have no standard error: 2 are the least", p.Windows)
	case p.Score < 1:
		return bad("%d tokens of a window are scored", p.Score)
	case p.Documents < 1:
		return bad("%d documents: 1 is the least", p.Documents)
	case p.Needles < 1 || p.Needles > len(facts):
		return bad("%d needles are not from 1 to %d", p.Needles, len(facts))
	case p.Pairs < 1 || p.Pairs > MaxPairs:
		return bad("%d pairs are not from 1 to %d", p.Pairs, MaxPairs)
	case p.Decode < 1:
		return bad("%d tokens to decode: 1 is the least", p.Decode)
	case p.Chunk < 0:
		return bad("chunks of %d tokens", p.Chunk)
	case p.Memory < 0:
		return bad("%d bytes of memory", p.Memory)
	}
	for _, n := range p.Contexts {
		if n < p.Score+2 {
			return bad("a context of %d tokens does not hold the %d that are scored and two before them", n, p.Score)
		}
	}
	return nil
}

// planRun is a comparison in progress.
type planRun struct {
	*Plans
	open   func(edits string) (*godwit.Model, error)
	models []*godwit.Model // with the model's own plan, then, of the length in progress, with each of Edits
	books  [][]int32       // [books, tokens]
	bos    []int32         // what begins every context: nothing or one token
	meter  meter
}

// meter counts tokens for a Progress.
type meter struct {
	done, total int
	tell        godwit.Progress
}

// at tells of n tokens of a part whose beginning was counted.
func (m *meter) at(n int) {
	if m.tell != nil {
		m.tell(min(m.done+n, m.total), m.total)
	}
}

// add counts a part.
func (m *meter) add(n int) {
	m.done += n
	m.at(0)
}

// part is the Progress of a part.
func (m *meter) part(done, _ int) { m.at(done) }

// fraction is a part of the length in a plan's text.
var fraction = regexp.MustCompile(`\bctx/([1-9][0-9]{0,5})\b`)

// PlanAt writes a plan for contexts of a length: ctx/4 stands for a quarter of it, so that span=window(ctx/4) is of equal bytes at all
// lengths.
func PlanAt(edits string, length int) string {
	return fraction.ReplaceAllStringFunc(edits, func(f string) string {
		n, _ := strconv.Atoi(f[len("ctx/"):])
		return strconv.Itoa(max(1, length/n))
	})
}

// Run measures. Open opens the model with edits of its plan; what it opens is closed at the end. The results are ordered by length, then
// as Edits. Progress counts tokens, about; it and open are called by this goroutine.
func (p Plans) Run(ctx context.Context, open func(edits string) (*godwit.Model, error), progress godwit.Progress) (results []PlanResult, err error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	r, err := p.start(open, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close(0)) }()
	windows, err := r.windows()
	if err != nil {
		return nil, err
	}
	for _, length := range p.Contexts { // a plan that cannot be is told before hours of work
		if err := r.openAll(length); err != nil {
			return nil, err
		}
		r.meter.total += r.work(length, len(windows))
	}
	for _, length := range p.Contexts {
		if err := r.openAll(length); err != nil {
			return nil, err
		}
		docs, err := r.documents(length)
		if err != nil {
			return nil, err
		}
		rows := make([]PlanResult, len(r.models))
		for i, m := range r.models {
			rows[i] = PlanResult{Context: length, Plan: m.Plan()}
			if i > 0 {
				rows[i].Edits = p.Edits[i-1]
			}
			// The session of one plan is alone in memory here, which Anon tells.
			if err := r.retrieve(ctx, m, docs, &rows[i]); err != nil {
				return nil, fmt.Errorf("plan %q, %d tokens: %w", rows[i].Edits, length, err)
			}
		}
		if err := r.agree(ctx, length, windows, rows); err != nil {
			return nil, err
		}
		results = append(results, rows...)
	}
	return results, nil
}

// start opens the model with its own plan and reads the books.
func (p *Plans) start(open func(edits string) (*godwit.Model, error), progress godwit.Progress) (*planRun, error) {
	r := &planRun{Plans: p, open: open, meter: meter{tell: progress}}
	err := r.add("")
	if err == nil {
		err = r.read()
	}
	if err != nil {
		return nil, errors.Join(err, r.close(0))
	}
	return r, nil
}

// add opens the model with edits of its plan.
func (r *planRun) add(edits string) error {
	m, err := r.open(edits)
	if err != nil {
		return fmt.Errorf("plan %q: %w", edits, err)
	}
	r.models = append(r.models, m)
	return nil
}

// openAll opens the models of a length, and closes those of another.
func (r *planRun) openAll(length int) error {
	if err := r.close(1); err != nil {
		return err
	}
	for _, edits := range r.Edits {
		if err := r.add(PlanAt(edits, length)); err != nil {
			return err
		}
	}
	return nil
}

// close closes the models from the first one on.
func (r *planRun) close(first int) (err error) {
	for _, m := range r.models[min(first, len(r.models)):] {
		err = errors.Join(err, m.Close())
	}
	r.models = r.models[:min(first, len(r.models))]
	return err
}

// session starts a session for a length.
func (r *planRun) session(m *godwit.Model, length int) (*godwit.Session, error) {
	return m.NewSession(godwit.SessionOptions{Context: length, Chunk: r.Chunk, Exact: r.Exact})
}

// read turns the books into tokens.
func (r *planRun) read() error {
	own := r.models[0]
	tok, err := own.Tokenizer()
	if err != nil {
		return err
	}
	if bos, ok := tok.BOS(); ok && tok.AddBOS() {
		r.bos = []int32{bos}
	}
	for _, b := range r.Books {
		ids, err := own.Tokenize(b.Text, false)
		if err != nil {
			return err
		}
		if len(r.bos) > 0 && len(ids) > 0 && ids[0] == r.bos[0] {
			ids = ids[1:]
		}
		r.books = append(r.books, ids)
	}
	return nil
}

// work is the number of tokens that a length feeds, about.
func (r *planRun) work(length, windows int) int {
	n := len(r.models) * r.Documents * r.documentWork(length)
	for _, g := range r.groups(length) {
		n += (len(g) + 1) * windows * (length - 1)
	}
	return n
}
