package attention

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// PlanError is an error in a plan's text.
type PlanError struct {
	Offset int // byte where it was noticed
	Err    error
}

func (e *PlanError) Error() string {
	return fmt.Sprintf("plan: at character %d: %v", e.Offset+1, e.Err)
}

// Unwrap returns the cause.
func (e *PlanError) Unwrap() error { return e.Err }

// args are the arguments of one term, name(1,key=2,flag), as a part reads them. Every argument must be asked for.
type args struct {
	name  string
	at    int // offset of the term
	items []arg
	asked []string // arguments that the part knows, for errors
	err   error
}

type arg struct {
	key, value string // value "" with hasValue false: a flag, or a positional value in key
	hasValue   bool
	at         int
	used       bool
}

const maxArgs = 256

func (a *args) errorf(format string, v ...any) error {
	err := fmt.Errorf(format, v...)
	if p, ok := err.(*PlanError); ok {
		return p
	}
	return &PlanError{a.at, err}
}

func (a *args) fail(at int, format string, v ...any) {
	if a.err == nil {
		a.err = &PlanError{at, fmt.Errorf(format, v...)}
	}
}

// find returns the argument called key.
func (a *args) find(key string) *arg {
	a.asked = append(a.asked, key+"=")
	for i := range a.items {
		if it := &a.items[i]; it.hasValue && it.key == key && !it.used {
			it.used = true
			return it
		}
	}
	return nil
}

// flag reports whether the word stands among the arguments.
func (a *args) flag(word string) bool {
	a.asked = append(a.asked, word)
	for i := range a.items {
		if it := &a.items[i]; !it.hasValue && it.key == word && !it.used {
			it.used = true
			return true
		}
	}
	return false
}

// count reads the only, positional argument: a whole number from 1 to 2³¹−1.
func (a *args) count() int32 { return a.countLike("64") }

// countLike reads the next positional argument, a whole number from 1 to 2³¹−1. Errors show like as what should stand there.
func (a *args) countLike(like string) int32 {
	a.asked = append(a.asked, "one number")
	for i := range a.items {
		if it := &a.items[i]; !it.hasValue && !it.used {
			it.used = true
			n, err := strconv.ParseInt(it.key, 10, 32)
			if err != nil || n < 1 {
				a.fail(it.at, "%s(%s): not a whole number from 1 to %d", a.name, it.key, math.MaxInt32)
				return 1
			}
			return int32(n)
		}
	}
	a.fail(a.at, "%s needs a number, as in %s(%s)", a.name, a.name, like)
	return 1
}

// places reads all positional arguments, positions from 0 to 2³¹−2; there is one at least.
func (a *args) places() []int32 {
	a.asked = append(a.asked, "positions")
	var list []int32
	for i := range a.items {
		it := &a.items[i]
		if it.hasValue || it.used {
			continue
		}
		it.used = true
		n, err := strconv.ParseInt(it.key, 10, 32)
		if err != nil || n < 0 || n == math.MaxInt32 {
			a.fail(it.at, "%s(%s): not a position from 0 to %d", a.name, it.key, math.MaxInt32-1)
		}
		list = append(list, int32(n))
	}
	if len(list) == 0 {
		a.fail(a.at, "%s needs positions, as in %s(0,9)", a.name, a.name)
		list = append(list, 0)
	}
	return list
}

// numbers reads the positional arguments, at least one.
func (a *args) numbers() (x []float32) {
	a.asked = append(a.asked, "numbers")
	for i := range a.items {
		if it := &a.items[i]; !it.hasValue && !it.used {
			it.used = true
			f, err := strconv.ParseFloat(it.key, 32)
			if err != nil || !(f >= 0) || math.IsInf(f, 0) || strings.ContainsAny(it.key, "xX_") {
				a.fail(it.at, "%s: %q is not a number of at least 0", a.name, it.key)
			}
			x = append(x, float32(f)+0)
		}
	}
	if len(x) == 0 {
		a.fail(a.at, "%s needs numbers, as in %s(1.2)", a.name, a.name)
	}
	return x
}

// whole reads key=n, usual when it is not there.
func (a *args) whole(key string, usual int) int {
	it := a.find(key)
	if it == nil {
		return usual
	}
	n, err := strconv.ParseInt(it.value, 10, 32)
	if err != nil || n < 0 {
		a.fail(it.at, "%s: %s=%q is not a whole number from 0 to %d", a.name, key, it.value, math.MaxInt32)
	}
	return int(n)
}

// number reads key=x, usual when it is not there.
func (a *args) number(key string, usual float64) float64 {
	it := a.find(key)
	if it == nil {
		return usual
	}
	f, err := parseNum(it.value)
	if err != nil {
		a.fail(it.at, "%s: %s=%q is not a number of at least 0", a.name, key, it.value)
	}
	return f
}

// done returns the first error, or one for an argument that nothing asked for.
func (a *args) done() error {
	if a.err != nil {
		return a.err
	}
	for i, it := range a.items {
		if it.used {
			continue
		}
		for _, other := range a.items[:i] {
			if other.key == it.key && other.hasValue == it.hasValue {
				return &PlanError{it.at, fmt.Errorf("%s has %s twice", a.name, it.key)}
			}
		}
		if len(a.asked) == 0 {
			return &PlanError{it.at, fmt.Errorf("%s takes no arguments, but %q stands there", a.name, it.key)}
		}
		return &PlanError{it.at, fmt.Errorf("%s does not take %q; it takes %s", a.name, it.key, list(a.asked))}
	}
	return nil
}

// list prints words as "a, b and c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func parseNum(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0) || math.IsInf(f, 0) || strings.ContainsAny(s, "xX_") {
		return 0, strconv.ErrSyntax
	}
	return f + 0, nil
}

// num is the shortest text that reads back as f.
func num(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// num32 is num for a float32.
func num32(f float32) string {
	x, _ := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	return num(x)
}

// term prints name(arguments), leaving out empty ones.
func term(name string, arguments ...string) string {
	kept := arguments[:0]
	for _, a := range arguments {
		if a != "" {
			kept = append(kept, a)
		}
	}
	if len(kept) == 0 {
		return name
	}
	return name + "(" + strings.Join(kept, ",") + ")"
}

func optNum(key string, f float64) string {
	if f == 0 {
		return ""
	}
	return key + "=" + num(f)
}

func optInt(key string, n int) string {
	if n == 0 {
		return ""
	}
	return key + "=" + strconv.Itoa(n)
}

func optFlag(word string, set bool) string {
	if !set {
		return ""
	}
	return word
}

// maxFactor bounds factors, so that nothing computed from them overflows.
const maxFactor = 1e6

func atLeastOne(factor float64) error {
	if !(factor >= 1 && factor <= maxFactor) {
		return fmt.Errorf("factor %v is not from 1 to %g", factor, maxFactor)
	}
	return nil
}
