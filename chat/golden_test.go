package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The goldens come from jinja2 (testdata/make.py has the command).

// now is what make.py gives to strftime_now.
var now = time.Date(2025, 3, 7, 14, 5, 9, 12345000, time.UTC)

// outcome is what a golden says of a rendering.
type outcome struct {
	Text  string
	Error string // "", "syntax", "limit", "render" or "raised"
}

func readJSONFile(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// optionsOf makes options of nothing but variables.
func optionsOf(vars map[string]json.RawMessage, now time.Time) Options {
	o := Options{Vars: map[string]any{}, Now: func() time.Time { return now }}
	for k, v := range vars {
		o.Vars[k] = v
	}
	return o
}

// outcomeOf renders a template and says what came of it; the error is for messages.
func outcomeOf(source string, o Options) (outcome, error) {
	tmpl, err := Parse(source, Limits{})
	var text string
	if err == nil {
		text, err = tmpl.Render(nil, o)
	}
	var re *RenderError
	switch {
	case err == nil:
		return outcome{Text: text}, nil
	case errors.Is(err, ErrSyntax):
		return outcome{Error: "syntax"}, err
	case errors.Is(err, ErrRaised) && errors.As(err, &re):
		return outcome{re.Msg, "raised"}, err
	case errors.Is(err, ErrLimit):
		return outcome{Error: "limit"}, err
	case errors.Is(err, ErrRender) && errors.As(err, &re):
		return outcome{Error: "render"}, err
	}
	return outcome{Error: err.Error()}, err
}

// TestTable compares small templates: every operator, filter, test, method, statement and rule of white space.
func TestTable(t *testing.T) {
	var table struct {
		Vars  map[string]json.RawMessage
		Cases []struct {
			Source string
			outcome
		}
	}
	readJSONFile(t, "table.json", &table)
	if len(table.Cases) < 800 {
		t.Fatalf("only %d cases", len(table.Cases))
	}
	for _, c := range table.Cases {
		got, err := outcomeOf(c.Source, optionsOf(table.Vars, now))
		if diff := cmp.Diff(c.outcome, got); diff != "" {
			t.Errorf("%s: (-jinja2 +chat) %v\n%s", c.Source, err, diff)
		}
	}
}

// templates returns the sources that renders.json is about.
func templates(t *testing.T) map[string]string {
	t.Helper()
	sources := map[string]string{}
	files, err := filepath.Glob("testdata/templates/*.jinja")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources[filepath.Base(file)] = string(data)
	}
	for name, source := range named {
		sources[name] = source
	}
	return sources
}

// TestRenders compares whole templates over conversations: those of model families, and the named ones.
func TestRenders(t *testing.T) {
	var renders []struct {
		Template, Conversation string
		outcome
	}
	readJSONFile(t, "renders.json", &renders)
	var conversations map[string]map[string]json.RawMessage
	readJSONFile(t, "conversations.json", &conversations)
	sources := templates(t)
	if len(renders) != len(sources)*len(conversations) || len(conversations) < 20 || len(sources) < 20 {
		t.Fatalf("%d renders of %d templates and %d conversations: run testdata/make.py", len(renders), len(sources), len(conversations))
	}
	texts := 0
	for _, r := range renders {
		got, err := outcomeOf(sources[r.Template], optionsOf(conversations[r.Conversation], now))
		if diff := cmp.Diff(r.outcome, got); diff != "" {
			t.Errorf("%s, %s: (-jinja2 +chat) %v\n%s", r.Template, r.Conversation, err, diff)
		}
		if err == nil {
			texts++
		}
	}
	if texts < len(renders)/2 {
		t.Errorf("only %d of %d renders give a text", texts, len(renders))
	}
}
