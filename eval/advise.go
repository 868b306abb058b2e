package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
)

// Advice tries changes of a model's plan that give it texts longer than those it was trained with, on the user's own text: the same
// tokens are scored with Length tokens before them as with as many as the model was trained for.
type Advice struct {
	Plans  // Edits: what is tried; Contexts are not used
	Length int
}

// Advised is what came of it.
type Advised struct {
	Trained PlanResult   // the model's own plan, with contexts that it was trained for
	Tried   []PlanResult // with Length tokens, the model's own plan first; Loss is against Trained. Tasks only of those that were asked
	Refused []RefusedPlan
	Best    int // index in Tried of the plan of the least loss that holds; −1: none does
}

// RefusedPlan is an edit that the model does not take, and why.
type RefusedPlan struct {
	Edits string
	Err   error
}

// ErrTrained says that the model was trained for the length: there is nothing to advise.
var ErrTrained = errors.New("the model was trained for this length")

// A plan holds when a longer context costs no more perplexity than this against the trained one, in percent, and finds as many answers
// of each task but this, in percent of the questions.
const (
	adviseLoss = 1
	adviseLost = 10
)

// Stretches returns edits that may give a model with plan own, trained for so many tokens, texts of length tokens: scalings of RoPE, far
// positions, sharper attention, and a bounded past. They change the layers that see everything.
func Stretches(own attention.Plan, trained, length int) []string {
	where := own.Wide()
	factor := math.Ceil(float64(length)/float64(trained)*4) / 4
	window := min(1024, trained/4)
	group := (length - window + trained - window - 1) / (trained - window)
	near := func(w int) string { return fmt.Sprintf(" near=sinks(%d)+window(%d)", min(attention.Tile, w), w) }
	log := fmt.Sprintf(" temp=log(orig=%d)", trained)
	return []string{
		fmt.Sprintf("%sfar=group(%d)%s", where, group, near(window)),
		fmt.Sprintf("%sfar=group(%d)%s", where, 2*group, near(2*window)),
		where + "far=cap" + near(trained/2),
		fmt.Sprintf("%spos=yarn(factor=%g,orig=%d)", where, factor, trained),
		fmt.Sprintf("%spos=dynamic(factor=%g,orig=%d)", where, factor, trained),
		fmt.Sprintf("%spos=ntk(factor=%g)", where, 2*factor) + log,
		fmt.Sprintf("%spos=linear(factor=%g)", where, factor),
		fmt.Sprintf("%sspan=sinks(4)+window(%d)", where, trained*7/8),
	}
}

// Run tries. Open is as for Plans.Run. Perplexity is measured for all, questions are asked in the order of the loss until a plan holds.
func (a Advice) Run(ctx context.Context, open func(edits string) (*godwit.Model, error), progress godwit.Progress) (found *Advised, err error) {
	p := a.Plans
	r, err := p.start(open, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close(0)) }()
	trained := r.models[0].Info().Context
	if a.Length <= trained {
		return nil, fmt.Errorf("%d tokens of %d: %w", a.Length, trained, ErrTrained)
	}
	p.Contexts = []int{trained, a.Length}
	p.Score = min(p.Score, trained/2)
	if err := p.check(); err != nil {
		return nil, err
	}
	windows, err := r.windows()
	if err != nil {
		return nil, err
	}
	r.meter.total = r.work(trained, len(windows)) + (1+len(p.Edits))*len(windows)*a.Length + r.Documents*r.documentWork(a.Length)

	rows := []PlanResult{{Context: trained, Plan: r.models[0].Plan()}}
	if err := r.ask(ctx, 0, &rows[0]); err != nil {
		return nil, err
	}
	if err := r.agree(ctx, trained, windows, rows); err != nil {
		return nil, err
	}
	found = &Advised{Trained: rows[0], Best: -1}
	found.Tried = []PlanResult{{Context: a.Length, Plan: r.models[0].Plan()}}
	for _, edits := range p.Edits {
		m, err := open(PlanAt(edits, a.Length))
		if errors.Is(err, attention.ErrCompose) || errors.As(err, new(*attention.PlanError)) {
			found.Refused = append(found.Refused, RefusedPlan{edits, err})
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("plan %q: %w", edits, err)
		}
		r.models = append(r.models, m)
		found.Tried = append(found.Tried, PlanResult{Context: a.Length, Edits: edits, Plan: m.Plan()})
	}
	if err := r.agree(ctx, a.Length, windows, found.Tried); err != nil {
		return nil, err
	}
	var order []int
	for i := range found.Tried {
		t := &found.Tried[i]
		t.against(&found.Trained)
		if t.Loss <= adviseLoss { // not NaN
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(found.Tried[x].Loss, found.Tried[y].Loss) })
	for _, i := range order {
		if err := r.ask(ctx, i, &found.Tried[i]); err != nil {
			return nil, err
		}
		if finds(&found.Tried[i], &found.Trained) {
			found.Best = i
			break
		}
	}
	r.meter.add(r.meter.total - r.meter.done)
	return found, nil
}

// ask asks model i the questions of its length's documents.
func (r *planRun) ask(ctx context.Context, i int, row *PlanResult) error {
	docs, err := r.documents(row.Context)
	if err != nil {
		return err
	}
	if err := r.retrieve(ctx, r.models[i], docs, row); err != nil {
		return fmt.Errorf("plan %q, %d tokens: %w", row.Edits, row.Context, err)
	}
	return nil
}

// finds reports whether as many answers are found as the model finds in what it was trained for.
func finds(r, trained *PlanResult) bool {
	for i, t := range trained.Tasks {
		if r.Tasks[i].Exact < t.Exact-adviseLost {
			return false
		}
	}
	return true
}
