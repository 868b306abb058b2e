package chat

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzTemplate: whatever a template is, parsing and rendering end with a text within the limits or one of the package's
// errors, twice the same.
func FuzzTemplate(f *testing.F) {
	var table struct {
		Vars  map[string]json.RawMessage
		Cases []struct{ Source string }
	}
	readJSONFile(f, "table.json", &table)
	for i, c := range table.Cases {
		if i%4 == 0 { // a start with all of them takes the fuzzer half a minute
			f.Add(c.Source)
		}
	}
	for _, c := range hostile {
		if len(c.source) < 1000 {
			f.Add(c.source)
		}
	}
	for _, source := range named {
		f.Add(source)
	}
	limits := Limits{Source: 4 << 10, Depth: 20, Steps: 20_000, Memory: 1 << 20, Output: 16 << 10, Time: time.Minute}
	o := optionsOf(table.Vars, now)
	f.Fuzz(func(t *testing.T, source string) {
		text, err := renderChecked(t, source, limits, o)
		again, err2 := renderChecked(t, source, limits, o)
		if again != text {
			t.Errorf("%q, then %q", text, again)
		}
		if (err == nil) != (err2 == nil) {
			t.Errorf("%v, then %v", err, err2)
		}
	})
}

func renderChecked(t *testing.T, source string, l Limits, o Options) (string, error) {
	t.Helper()
	tmpl, err := Parse(source, l)
	if err != nil {
		if !errors.As(err, new(*SyntaxError)) && !errors.As(err, new(*LimitError)) {
			t.Errorf("Parse: %T %v", err, err)
		}
		return "", err
	}
	text, err := tmpl.Render([]Message{{"system", "Be brief."}, {"user", "Hi 🙂"}}, o)
	if err != nil && !errors.As(err, new(*RenderError)) && !errors.As(err, new(*LimitError)) {
		t.Errorf("Render: %T %v", err, err)
	}
	if len(text) > l.Output {
		t.Errorf("%d bytes of output", len(text))
	}
	if utf8.ValidString(source) && !utf8.ValidString(text) {
		t.Errorf("output is not UTF-8: %q", text)
	}
	return text, err
}
