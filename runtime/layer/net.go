package layer

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// Branch is one residual branch: x += Scale·Post(Op(Pre(x))).
type Branch struct {
	Pre, Post Norm
	Op        seq.Op
	Scale     float32 // 0: 1
}

// Net is a decoder: embedding rows, a stack of residual branches, the last norm and the head.
type Net struct {
	Embed      quant.Matrix // [vocabulary, width]
	EmbedScale float32      // factor of embedding rows; 0: 1
	Stack      []Branch
	Final      Norm
	Head       Linear  // [vocabulary, width]
	LogitScale float32 // factor of logits; 0: 1
	Softcap    float32 // logits become Softcap·tanh(logits/Softcap); 0: no cap

	Fold []float32 // what rows that a plan's fold adds begin with; nil: it has none. [vectors, width]
}

// Width returns the width of the activations between branches.
func (n *Net) Width() int { return n.Embed.Cols }

// Vocab returns the number of logits.
func (n *Net) Vocab() int { return n.Head.out() }

// NetState is what the operations of a Net remember about one session.
type NetState struct {
	states []seq.State // one per branch; nil for position-wise ones
	past   int         // branches from here on are position-wise
	tail   seq.Step    // the step of those branches
	len    int
}

// NewState returns the state of a fresh session.
func (n *Net) NewState(env *seq.Env) (*NetState, error) {
	s := &NetState{states: make([]seq.State, len(n.Stack))}
	for i := range n.Stack {
		st, err := n.Stack[i].Op.NewState(env)
		if err != nil {
			return nil, fmt.Errorf("branch %d: %w", i, err)
		}
		if s.states[i] = st; st != nil {
			s.past = i + 1
		}
	}
	return s, nil
}

// Bytes returns the memory that the state of a session takes when it is full, without making it.
func (n *Net) Bytes(env *seq.Env) (int64, error) {
	var sum int64
	for i := range n.Stack {
		if s, ok := n.Stack[i].Op.(sizer); ok {
			b := s.Bytes(env)
			if b < 0 {
				return 0, fmt.Errorf("branch %d: a session of %d rows is not possible", i, env.MaxLen)
			}
			sum += b
		}
	}
	return sum, nil
}

// sizer is an operation with a state that grows with the session; Bytes is negative when that session is not possible.
type sizer interface{ Bytes(env *seq.Env) int64 }

// StateBytes returns the memory that each operation with a state takes when it is full, in the order of the stack.
func (n *Net) StateBytes(env *seq.Env) []int64 {
	var list []int64
	for i := range n.Stack {
		if s, ok := n.Stack[i].Op.(sizer); ok {
			list = append(list, s.Bytes(env))
		}
	}
	return list
}

// Spilled returns the part of StateBytes that goes into a file when the session has one.
func (n *Net) Spilled(env *seq.Env) []int64 {
	var list []int64
	for i := range n.Stack {
		if _, ok := n.Stack[i].Op.(sizer); ok {
			var b int64
			if s, ok := n.Stack[i].Op.(spiller); ok {
				b = s.Spilled(env)
			}
			list = append(list, b)
		}
	}
	return list
}

// spiller is an operation whose state may live in a file.
type spiller interface{ Spilled(env *seq.Env) int64 }

// Scratch returns the bytes of the arena that a step takes at most, whichever of its rows are wanted.
func (n *Net) Scratch(at *seq.StepSize) int64 {
	var mem seq.Sizer
	for range 3 {
		seq.Size[float32](&mem, at.N*n.Width())
	}
	for i := range n.Stack {
		if o, ok := n.Stack[i].Op.(seq.Sized); ok {
			o.Scratch(&mem, at)
		}
	}
	quant.SizeInput(&mem, at.N, n.Width(), at.Exact)
	quant.SizeMul(&mem, at.N, at.Workers, at.Exact, n.Head.W)
	return mem.Bytes()
}

// Heap returns the bytes of the Go heap that a session's state takes, beside the memory that StateBytes counts.
func (n *Net) Heap(at *seq.StepSize) (sum int64) {
	for i := range n.Stack {
		if o, ok := n.Stack[i].Op.(seq.Sized); ok {
			sum += o.Heap(at)
		}
	}
	return sum
}

// Until returns how many rows of a step from row first on come before one for which a branch forgets others. A state goes back
// to the start of a step that is no longer.
func (n *Net) Until(first int) int {
	rows := math.MaxInt
	for i := range n.Stack {
		if f, ok := n.Stack[i].Op.(forgetter); ok {
			rows = min(rows, f.Until(first))
		}
	}
	return rows
}

// forgetter is an operation whose state forgets rows now and then.
type forgetter interface{ Until(first int) int }

// NeedsSurprise reports whether a branch needs Step.Surprise, for which the logits of every row are.
func (n *Net) NeedsSurprise() bool {
	for i := range n.Stack {
		if s, ok := n.Stack[i].Op.(surprised); ok && s.NeedsSurprise() {
			return true
		}
	}
	return false
}

type surprised interface{ NeedsSurprise() bool }

// Len returns the number of rows held.
func (s *NetState) Len() int { return s.len }

// Bytes returns the memory held.
func (s *NetState) Bytes() int64 {
	var n int64
	for _, st := range s.states {
		if st != nil {
			n += st.Bytes()
		}
	}
	return n
}

// Reads returns how many tiles of their past the rows so far have read in the layers whose plan selects, and how many they saw.
func (s *NetState) Reads() (read, seen int64) {
	return s.sums(seq.Reader.Reads)
}

// Chooses returns how many of the rows so far have chosen what they read, over layers and KV heads with a selector, and how many might have.
func (s *NetState) Chooses() (chose, could int64) {
	return s.sums(seq.Reader.Chooses)
}

// sums adds up two numbers over all layers that have them.
func (s *NetState) sums(of func(seq.Reader) (a, b int64)) (all, most int64) {
	for _, st := range s.states {
		if r, ok := st.(seq.Reader); ok {
			a, b := of(r)
			all, most = all+a, most+b
		}
	}
	return all, most
}

// Rewind forgets the rows from n on, also those of a pass that failed. After an error, which wraps seq.ErrRewind when
// that past is gone, only a Rewind to an earlier row makes the state usable.
func (s *NetState) Rewind(n int) error {
	if n < 0 || n > s.len {
		return fmt.Errorf("rewind to row %d of %d", n, s.len)
	}
	s.len = n
	for i, st := range s.states {
		if st == nil {
			continue
		}
		if err := st.Rewind(min(n, st.Len())); err != nil {
			return fmt.Errorf("branch %d: %w", i, err)
		}
	}
	return nil
}

// Run appends a step of tokens to st and computes the logits[len(at.Want), vocabulary] of the wanted rows, or their at.States. On error st
// must be rewound to at.First.
func (n *Net) Run(logits []float32, tokens []int32, st *NetState, at *seq.Step) error {
	if err := n.check(logits, tokens, st, at); err != nil {
		return err
	}
	width := n.Width()
	mark := at.Mem.Mark()
	p := pass{width: width,
		x: seq.Take[float32](at.Mem, at.N*width),
		y: seq.Take[float32](at.Mem, at.N*width),
		h: seq.Take[float32](at.Mem, at.N*width)}
	if err := n.embed(p.x, tokens, at); err != nil {
		return err
	}
	step := at
	for i := range n.Stack {
		if err := at.Team.Err(); err != nil {
			return err
		}
		if i == st.past {
			// The past is complete: from here on only wanted rows matter.
			step = st.narrow(at)
			if p.pick(at.Want); step.N == 0 {
				break
			}
		}
		b := &n.Stack[i]
		if err := p.advance(&b.Pre, step); err != nil {
			return err
		}
		if st.states[i] != nil {
			st.fetch(i+1, at)
		}
		if err := b.Op.Run(p.y[:step.N*width], p.h[:step.N*width], st.states[i], step); err != nil {
			return fmt.Errorf("branch %d: %w", i, err)
		}
		p.last = b
	}
	if st.past == len(n.Stack) {
		step = st.narrow(at)
		p.pick(at.Want)
	}
	if step.N > 0 {
		if err := n.head(logits, &p, step); err != nil {
			return err
		}
	}
	st.len += at.N
	at.Mem.Release(mark)
	return nil
}

func (n *Net) check(logits []float32, tokens []int32, st *NetState, at *seq.Step) error {
	switch {
	case len(tokens) != at.N || len(at.Pos) != at.N:
		return fmt.Errorf("%d tokens and %d positions for a step of %d rows", len(tokens), len(at.Pos), at.N)
	case at.States != nil && (len(logits) != 0 || len(at.States) != len(at.Want)*n.Width()):
		return fmt.Errorf("%d logits and %d numbers of states for %d wanted rows of width %d", len(logits), len(at.States), len(at.Want), n.Width())
	case at.States == nil && len(logits) != len(at.Want)*n.Vocab():
		return fmt.Errorf("%d logits for %d wanted rows of %d", len(logits), len(at.Want), n.Vocab())
	case st.len != at.First:
		return fmt.Errorf("the step begins at row %d, the state holds %d", at.First, st.len)
	}
	for _, t := range tokens {
		if t < 0 && int(-1-t) < len(at.Given)/n.Width() {
			continue
		}
		if t < 0 || int(t) >= n.Embed.Rows {
			return fmt.Errorf("token %d is not one of %d", t, n.Embed.Rows)
		}
	}
	before := -1
	for _, r := range at.Want {
		if r <= before || r >= at.N {
			return fmt.Errorf("wanted row %d after %d of %d", r, before, at.N)
		}
		before = r
	}
	return nil
}

// fetch tells the first state from branch i on that its turn comes next: what it needs of a file may arrive meanwhile.
func (s *NetState) fetch(i int, at *seq.Step) {
	for ; i < s.past; i++ {
		if s.states[i] != nil {
			if f, ok := s.states[i].(seq.Fetcher); ok {
				f.Fetch(at)
			}
			return
		}
	}
}

// narrow returns the step's wanted rows as a step for position-wise operations.
func (s *NetState) narrow(at *seq.Step) *seq.Step {
	s.tail = seq.Step{First: at.First, N: len(at.Want), Exact: at.Exact, States: at.States, Team: at.Team, Mem: at.Mem, Tap: at.Tap}
	return &s.tail
}

// pass is the state of the residual stream between two branches.
type pass struct {
	x     []float32 // the stream. [rows, width]
	y     []float32 // the last branch's output, not yet added. [rows, width]
	h     []float32 // the next branch's input. [rows, width]
	last  *Branch   // nil: y holds nothing
	width int
}

// pick keeps the wanted rows of the stream.
func (p *pass) pick(want []int) {
	for to, from := range want {
		copy(p.x[to*p.width:(to+1)*p.width], p.x[from*p.width:])
		copy(p.y[to*p.width:(to+1)*p.width], p.y[from*p.width:])
	}
}

// advance adds the last branch's output to the stream and norms the stream for the next one.
func (p *pass) advance(pre *Norm, at *seq.Step) error {
	t := residuals.get()
	t.pass, t.pre = *p, pre
	err := run(at.Team, at.N, 2*p.width, t)
	residuals.put(t)
	return err
}

// residual is the parallel task of advance; its items are rows.
type residual struct {
	pass pass
	pre  *Norm
}

var residuals freeList[residual]

func (t *residual) Do(_, lo, hi int) {
	p := &t.pass
	for r := lo; r < hi; r++ {
		x, h := p.x[r*p.width:(r+1)*p.width], p.h[r*p.width:(r+1)*p.width]
		if b := p.last; b != nil {
			y := p.y[r*p.width : (r+1)*p.width]
			if !b.Post.none() {
				b.Post.Apply(y, y)
			}
			vec.Axpy(x, one(b.Scale), y)
		}
		t.pre.Apply(h, x)
	}
}

// one reads a factor whose zero value means 1.
func one(f float32) float32 {
	if f == 0 {
		return 1
	}
	return f
}

// embed decodes the rows of the tokens from where the file is mapped.
func (n *Net) embed(x []float32, tokens []int32, at *seq.Step) error {
	t := embeddings.get()
	t.net, t.x, t.tokens, t.given = n, x, tokens, at.Given
	err := run(at.Team, at.N, n.Width(), t)
	embeddings.put(t)
	return err
}

// embedding is the parallel task of embed; its items are rows.
type embedding struct {
	net    *Net
	x      []float32 // [n, width]
	tokens []int32   // [n]
	given  []float32 // [vectors, width]
}

var embeddings freeList[embedding]

func (t *embedding) Do(_, lo, hi int) {
	w := t.net.Width()
	for r := lo; r < hi; r++ {
		x := t.x[r*w : (r+1)*w]
		if id := t.tokens[r]; id < 0 {
			copy(x, t.given[int(-1-id)*w:])
			continue
		}
		t.net.Embed.DecodeRow(x, int(t.tokens[r]))
		if s := t.net.EmbedScale; s != 0 {
			vec.Scale(x, s)
		}
	}
}

// head computes the logits of the rows that the stream has now.
func (n *Net) head(logits []float32, p *pass, at *seq.Step) error {
	if err := p.advance(&n.Final, at); err != nil {
		return err
	}
	h := p.h[:at.N*p.width]
	if at.States != nil {
		copy(at.States, h)
		return nil
	}
	if n.LogitScale != 0 {
		vec.Scale(h, n.LogitScale) // before the head, where there are fewer values
	}
	var in quant.Input
	if err := in.Set(h, at.N, p.width, at.Exact, at.Team, at.Mem); err != nil {
		return err
	}
	if err := mul(&in, at, [][]float32{logits}, &n.Head); err != nil {
		return err
	}
	if n.Softcap == 0 {
		return nil
	}
	t := softcaps.get()
	t.x, t.cap = logits, n.Softcap
	err := run(at.Team, (len(logits)+softcapItem-1)/softcapItem, softcapItem, t)
	softcaps.put(t)
	return err
}

// softcap caps logits; its items are pieces of them.
type softcap struct {
	x   []float32 // [rows, vocabulary]
	cap float32
}

const softcapItem = 1 << 12

var softcaps freeList[softcap]

func (t *softcap) Do(_, lo, hi int) {
	vec.Softcap(t.x[lo*softcapItem:min(hi*softcapItem, len(t.x))], t.cap)
}
