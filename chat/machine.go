package chat

import (
	"fmt"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
)

// machine is one rendering.
type machine struct {
	limits   Limits
	steps    int
	memory   int
	depth    int
	deadline time.Time
	line     int  // of the node that was last evaluated
	flow     flow // why errJump is on its way
	now      func() time.Time
}

// run renders the template with the given variables.
func (t *Template) run(vars *dict, now func() time.Time) (text string, err error) {
	defer recoverTo(&err)
	m := &machine{limits: t.limits, now: now}
	input := vars.weight(m.limits.Depth)
	if m.limits.Memory == 0 {
		m.limits.Memory = 64<<20 + 32*input
	}
	if m.limits.Output == 0 {
		m.limits.Output = 8<<20 + 4*input
	}
	m.deadline = time.Now().Add(m.limits.Time)
	global := make(map[string]any, len(vars.keys))
	for i, k := range vars.keys {
		global[k.(string)] = vars.vals[i]
	}
	out := &sink{m: m}
	r := &exec.Renderer{
		Config:      config.New(),
		Environment: &exec.Environment{Context: exec.NewContext(global).Inherit()},
		RootNode:    t.root,
		Output:      out,
	}
	if err := r.Execute(); err != nil {
		return "", &RenderError{Line: m.line, Msg: err.Error()}
	}
	return out.text.String(), nil
}

// recoverTo turns what fail and its like panic with into an error. Anything else would be a defect of this package; it must
// not take the program down with it either.
func recoverTo(err *error) {
	switch r := recover().(type) {
	case nil:
	case *LimitError:
		*err = r
	case *SyntaxError:
		*err = r
	case *RenderError:
		*err = r
	default:
		*err = fmt.Errorf("%w: internal error: %v", ErrRender, r)
	}
}

// fail ends the rendering: it panics with a *RenderError, which run returns.
func (m *machine) fail(format string, args ...any) {
	panic(&RenderError{Line: m.line, Msg: fmt.Sprintf(format, args...)})
}

// exceed ends the rendering: it panics with a *LimitError.
func (m *machine) exceed(what string, max int64) {
	panic(&LimitError{what, max, m.line})
}

// step charges for n nodes or elements.
func (m *machine) step(n int) {
	before := m.steps
	if m.steps += n; m.steps > m.limits.Steps || m.steps < before {
		m.exceed("steps", int64(m.limits.Steps))
	}
	if m.steps>>12 != before>>12 && time.Now().After(m.deadline) {
		m.exceed("time", int64(m.limits.Time))
	}
}

// scan charges for reading n bytes.
func (m *machine) scan(n int) { m.step(n / 64) }

// alloc charges for making n bytes, before they are made; elements of lists count as 32.
func (m *machine) alloc(n int) {
	if n < 0 || n > m.limits.Memory-m.memory {
		m.exceed("memory", int64(m.limits.Memory))
	}
	m.memory += n
	m.step(1 + n/64)
}

// elems charges for a list of n elements.
func (m *machine) elems(n int) {
	if n > m.limits.Memory/32 {
		m.exceed("memory", int64(m.limits.Memory))
	}
	m.alloc(32 * n)
}

// text charges for a text that is about to be returned.
func (m *machine) text(s string) string {
	m.alloc(len(s))
	return s
}

// enter counts a level of nesting until leave.
func (m *machine) enter() {
	if m.depth++; m.depth > m.limits.Depth {
		m.exceed("depth", int64(m.limits.Depth))
	}
}

func (m *machine) leave() { m.depth-- }

// machineOf returns the rendering that a gonja renderer belongs to: it writes to the rendering's output.
func machineOf(r *exec.Renderer) *machine { return r.Output.(*sink).m }

// sink is what gonja writes to.
type sink struct {
	m    *machine
	text strings.Builder
}

func (w *sink) Write(p []byte) (int, error) { return w.WriteString(string(p)) }

func (w *sink) WriteString(s string) (int, error) {
	if w.text.Len()+len(s) > w.m.limits.Output {
		w.m.exceed("output", int64(w.m.limits.Output))
	}
	w.m.alloc(len(s))
	return w.text.WriteString(s)
}

// inside returns a renderer for a scope inside that of r, with the same output. gonja's Inherit does the same, and copies
// the configuration too, which nothing here reads: a third of the time of a short loop.
func inside(r *exec.Renderer) *exec.Renderer {
	return &exec.Renderer{
		Config:      r.Config,
		Environment: &exec.Environment{Context: r.Environment.Context.Inherit()},
		RootNode:    r.RootNode,
		Output:      r.Output,
	}
}

// capture runs the body of a statement in a scope of its own and returns its output. set fills the scope.
func (m *machine) capture(r *exec.Renderer, body *nodes.Wrapper, set func(s *exec.Context)) string {
	inner := inside(r)
	out := &sink{m: m}
	inner.Output = out
	if set != nil {
		set(inner.Environment.Context)
	}
	if err := nodes.Walk(inner, body); err != nil {
		m.fail("%v", err)
	}
	return out.text.String()
}
