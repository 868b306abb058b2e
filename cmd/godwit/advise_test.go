package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// tinyAdvice is `advise` on the tiny model at twice what it was trained for.
var tinyAdvice = []string{"-t", "1", "--ctx", "2048", "--windows", "2", "--score", "16", "--needles", "2", "--pairs", "2"}

// TestAdvise: the trained length comes first, then every plan at the length that is asked for; what the model does not take is told with
// the reason; the advice is the plan of the least loss of those that hold.
func TestAdvise(t *testing.T) {
	args := append([]string{"advise", tiny(t, "llama.context_length", uint32(1024)), "-f", text(t, tinyBook), "--json"}, tinyAdvice...)
	args = append(args, "--plan", "far=cap near=none", "--plan", "pos=none", "--plan", "pos=linear(factor=8)")
	var r adviseJSON
	if err := json.Unmarshal([]byte(must(t, "", args...).out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 4 || r.Rows[0].Ctx != 1024 || r.Rows[1].Ctx != 2048 || r.Rows[1].Edits != "" || r.Rows[3].Edits != "pos=linear(factor=8)" {
		t.Fatalf("%+v", r.Rows)
	}
	if len(r.Refused) != 1 || r.Refused[0].Edits != "far=cap near=none" || !strings.Contains(r.Refused[0].Error, "near=none") {
		t.Errorf("refused: %+v", r.Refused)
	}
	if len(r.Rows[0].Tasks) != 3 || r.Rows[0].Loss != 0 {
		t.Errorf("the trained length: %+v", r.Rows[0])
	}
	// Of random weights, two are as good or better with twice the text; the better one is asked first, and holds.
	if !r.Holds || r.Advice != "pos=linear(factor=8)" || len(r.Rows[3].Tasks) != 3 || r.Rows[2].Loss > 1 || r.Rows[2].Loss < r.Rows[3].Loss ||
		r.Rows[2].Tasks != nil || r.Rows[1].Loss < 1 {
		t.Errorf("advice %q, rows %+v", r.Advice, r.Rows)
	}
	if out := must(t, "", append([]string{"advise", tiny(t, "llama.context_length", uint32(1024)), "-f", text(t, tinyBook), "--plan", "kv=f32"}, tinyAdvice...)...).out; !strings.Contains(out, "None of these holds at 2048 tokens") {
		t.Error(out)
	}
}

// TestAdviseUsage: a length that the model knows, and no text.
func TestAdviseUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-f", text(t, tinyBook), "--ctx", "100"}, "its own plan serves 100"},
		{[]string{"--ctx", "100"}, "advise needs -f"},
	} {
		r := godwitWith(t, "", append([]string{"advise", tiny(t)}, c.args...)...)
		if r.code != 2 || !strings.Contains(r.err, c.want) {
			t.Errorf("%v: %d, %s", c.args, r.code, r.err)
		}
	}
}
