package attention

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// planReader reads the syntax of a plan; what the words mean is for plan.go and the registries.
type planReader struct {
	text string
	i    int
}

func (r *planReader) errorf(at int, format string, v ...any) error {
	return &PlanError{at, fmt.Errorf(format, v...)}
}

// rest is the beginning of a text, for errors.
func rest(s string) string {
	if i := strings.IndexAny(s, " \t\r\n;"); i > 0 {
		s = s[:i]
	}
	return s[:min(len(s), 24)]
}

func (r *planReader) space() {
	for r.i < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.i]) >= 0 {
		r.i++
	}
}

// take passes over space and the byte, if it stands there.
func (r *planReader) take(b byte) bool {
	r.space()
	if r.i < len(r.text) && r.text[r.i] == b {
		r.i++
		return true
	}
	return false
}

// word reads a name: letters, digits and _.
func (r *planReader) word() string {
	r.space()
	start := r.i
	for r.i < len(r.text) {
		c := r.text[r.i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			break
		}
		r.i++
	}
	return r.text[start:r.i]
}

// selector reads numbers of layers, "0-4,6:", if they stand there; without them a group is about all layers.
func (r *planReader) selector(layers int) ([]int, error) {
	r.space()
	if r.i == len(r.text) || r.text[r.i] < '0' || r.text[r.i] > '9' {
		all := make([]int, layers)
		for i := range all {
			all[i] = i
		}
		return all, nil
	}
	picked := make([]bool, layers)
	for {
		r.space()
		at := r.i
		lo, err := r.layer(layers)
		if err != nil {
			return nil, err
		}
		hi := lo
		if r.take('-') {
			if hi, err = r.layer(layers); err != nil {
				return nil, err
			}
		}
		if hi < lo {
			return nil, r.errorf(at, "the range %d-%d runs backwards", lo, hi)
		}
		for l := lo; l <= hi; l++ {
			picked[l] = true
		}
		if r.take(':') {
			break
		}
		if !r.take(',') {
			return nil, r.errorf(r.i, "a selector of layers, as in 0-4,6:, ends in a colon")
		}
	}
	var which []int
	for l, p := range picked {
		if p {
			which = append(which, l)
		}
	}
	return which, nil
}

func (r *planReader) layer(layers int) (int, error) {
	r.space()
	at := r.i
	n, err := strconv.ParseUint(r.word(), 10, 31)
	if err != nil {
		return 0, r.errorf(at, "%q is not the number of a layer", rest(r.text[at:]))
	}
	if int(n) >= layers {
		return 0, r.errorf(at, "there is no layer %d; the model has %d", n, layers)
	}
	return int(n), nil
}

// value reads a sum, or [sum, sum, …].
func (r *planReader) value() (value, error) {
	if !r.take('[') {
		s, err := r.sum()
		return value{s}, err
	}
	var v value
	for {
		s, err := r.sum()
		if err != nil {
			return nil, err
		}
		v = append(v, s)
		if r.take(']') {
			return v, nil
		}
		if !r.take(',') {
			return nil, r.errorf(r.i, "] is missing")
		}
	}
}

func (r *planReader) sum() (sum, error) {
	var s sum
	for {
		t, err := r.term()
		if err != nil {
			return nil, err
		}
		s = append(s, t)
		if !r.take('+') {
			return s, nil
		}
	}
}

// term reads name or name(argument, …).
func (r *planReader) term() (args, error) {
	r.space()
	a := args{at: r.i}
	if a.name = r.word(); a.name == "" {
		return a, r.errorf(a.at, "a name is missing")
	}
	if r.i == len(r.text) || r.text[r.i] != '(' {
		return a, nil
	}
	open := r.i
	n := strings.IndexAny(r.text[open+1:], ")(;[]")
	if n < 0 || r.text[open+1+n] != ')' {
		return a, r.errorf(open, ") is missing")
	}
	at := open + 1
	for part := range strings.SplitSeq(r.text[at:at+n], ",") {
		it := arg{at: at}
		at += len(part) + 1
		key, val, has := strings.Cut(part, "=")
		it.key, it.value, it.hasValue = strings.TrimSpace(key), strings.TrimSpace(val), has
		if it.key == "" || has && it.value == "" {
			return a, r.errorf(it.at, "%s: an argument is empty", a.name)
		}
		if len(a.items) == maxArgs {
			return a, r.errorf(it.at, "%s: more than %d arguments", a.name, maxArgs)
		}
		a.items = append(a.items, it)
	}
	r.i = open + n + 2
	return a, nil
}

// fresh returns the term with no argument asked for yet.
func (a args) fresh() *args {
	a.items = slices.Clone(a.items)
	return &a
}
