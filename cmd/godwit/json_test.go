package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/godwit-ai/godwit/internal/testmodel"
)

// documented reads the tables of docs/CLI-JSON.md: for each section, "path type" by when.
func documented(t *testing.T) map[string]map[string][]string {
	t.Helper()
	data, err := os.ReadFile("../../docs/CLI-JSON.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]map[string][]string{}
	section := ""
	row := regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\| [^|]+ \\|$")
	for i, line := range strings.Split(string(data), "\n") {
		switch name, ok := strings.CutPrefix(line, "## "); {
		case ok:
			section = name
			doc[section] = map[string][]string{}
		case section == "" || !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| field |") || strings.HasPrefix(line, "|---"):
		default:
			m := row.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("line %d is no row of field, type, when and meaning: %s", i+1, line)
			}
			doc[section][m[3]] = append(doc[section][m[3]], m[1]+" "+m[2])
		}
	}
	return doc
}

// expand replaces the references to other sections by their fields.
func expand(doc map[string]map[string][]string, fields []string) (all []string) {
	ref := regexp.MustCompile(`^(\S+) \[(\w+)\]`)
	for _, f := range fields {
		m := ref.FindStringSubmatch(f)
		if m == nil {
			all = append(all, f)
			continue
		}
		for _, g := range expand(doc, doc[m[2]]["always"]) {
			all = append(all, m[1]+"."+g)
		}
	}
	return all
}

// fields lists "path type" of every field of a JSON value, as the document writes them; maps says which objects have data
// as names.
func fields(path string, v any, maps map[string]bool, add func(string)) {
	switch v := v.(type) {
	case map[string]any:
		if maps[path] {
			kinds := map[string]bool{}
			for _, x := range v {
				kinds[kind(x)] = true
			}
			for k := range kinds {
				add(path + " map of " + k)
			}
			return
		}
		for name, x := range v {
			fields(strings.TrimPrefix(path+"."+name, "."), x, maps, add)
		}
	case []any:
		scalar := false
		for _, x := range v {
			switch x.(type) {
			case map[string]any, []any:
				fields(path+"[]", x, maps, add)
			default:
				scalar = true
				add(path + " list of " + kind(x))
			}
		}
		if len(v) == 0 && !scalar {
			add(path + " empty list")
		}
	default:
		add(path + " " + kind(v))
	}
}

func kind(v any) string {
	switch v := v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "integer"
	case nil:
		return "null"
	}
	return "object"
}

// difference compares an object with what is documented about it. A whole number may stand where any may, and an empty
// list or map for any list.
func difference(t *testing.T, object string, want []string) string {
	t.Helper()
	maps, types := map[string]bool{}, map[string]string{}
	for _, w := range want {
		path, typ, _ := strings.Cut(w, " ")
		types[path] = typ
		maps[path] = strings.HasPrefix(typ, "map")
	}
	d := json.NewDecoder(strings.NewReader(object))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, object)
	}
	got := map[string]bool{}
	fields("", v, maps, func(f string) {
		path, typ, _ := strings.Cut(f, " ")
		if typ == "integer" && types[path] == "number" {
			typ = "number"
		}
		if typ == "empty list" && strings.HasPrefix(types[path], "list of ") {
			typ = types[path]
		}
		got[path+" "+typ] = true
	})
	have := slices.Sorted(func(yield func(string) bool) {
		for f := range got {
			if !yield(f) {
				return
			}
		}
	})
	slices.Sort(want)
	return cmp.Diff(want, have)
}

// contract runs a command line and compares its object with the section of the document.
type contract struct {
	section string
	args    []string
	stdin   string
	when    []string // beside "always"
}

func (c contract) check(t *testing.T, doc map[string]map[string][]string) {
	t.Helper()
	r := must(t, c.stdin, append(c.args, "--json")...)
	want := slices.Clone(doc[c.section]["always"])
	for _, w := range c.when {
		if doc[c.section][w] == nil {
			t.Fatalf("%s: no field is documented for %q", c.section, w)
		}
		want = append(want, doc[c.section][w]...)
	}
	want = expand(doc, want)
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	if len(lines) != 1 {
		t.Errorf("%q printed %d lines, want one object on one", c.args, len(lines))
	}
	if d := difference(t, lines[0], want); d != "" {
		t.Errorf("%q (-documented +printed):\n%s", c.args, d)
	}
}

// TestJSON: every command prints exactly the fields that docs/CLI-JSON.md says, and the document has no other section.
func TestJSON(t *testing.T) {
	doc := documented(t)
	dir := t.TempDir()
	t.Setenv("GODWIT_CACHE", dir)
	t.Setenv("GODWIT_SESSIONS", dir+"/sessions")
	if err := os.Mkdir(dir+"/models", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/models/gemma3-270m.part", []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := tiny(t)
	bird := "a small bird flies far. "
	long, short := text(t, strings.Repeat(bird, 300)), text(t, strings.Repeat(bird, 40))
	cases := []contract{
		{section: "run", args: []string{"run", m, "hello", "-n", "4", "--seed", "3"}},
		{section: "run", args: []string{"run", m, "--raw", "hello", "-n", "4", "--top", "2"}, when: []string{"--top N"}},
		{section: "run", args: []string{"run", m, "hello", "-n", "4", "-f", long, "--fit"}, when: []string{"cut"}},
		{section: "chat", args: []string{"chat", m, "-n", "4"}, stdin: "hello\n"},
		{section: "chat", args: []string{"chat", m, "-n", "4", "--session", "diary"}, stdin: "hello\n"},
		{section: "session ls", args: []string{"session", "ls"}},
		{section: "session info", args: []string{"session", "info", "diary"}},
		{section: "session fork", args: []string{"session", "fork", "diary", "diary-2"}},
		{section: "session verify", args: []string{"session", "verify", "diary"}},
		{section: "session export", args: []string{"session", "export", "diary"}},
		{section: "session rm", args: []string{"session", "rm", "diary"}},
		{section: "tokenize", args: []string{"tokenize", m, "hello"}},
		{section: "logits", args: []string{"logits", m, "--ids", "3,4", "--out", dir + "/x.npy"}},
		{section: "perplexity", args: []string{"perplexity", m, "-f", short, "--ctx", "64"}},
		{section: "perplexity", args: []string{"perplexity", m, "-f", short, "--ctx", "64", "--protocol", "sliding"}},
		{section: "perplexity", args: []string{"perplexity", m, "-f", long, "--ctx", "4096", "--plan", "span=window(64) layout=grow", "--spill", dir}, when: []string{"long windows"}},
		{section: "bench", args: []string{"bench", m, "-p", "8", "-n", "4", "-d", "0,16", "-r", "1", "--no-limits"}},
		{section: "bench", args: []string{"bench", m, "-p", "8", "-n", "4", "-r", "1"}, when: []string{"limits"}},
		{section: "eval plans", args: append([]string{"eval", "plans", m, "-f", long, "--ctx", "1024"}, tinyEval...)},
		{section: "eval stream", args: []string{"eval", "stream", m, "-f", long, "--tokens", "400", "--depths", "0.5"}},
		{section: "heads", args: []string{"heads", tiny(t, "llama.context_length", uint32(1024)), "-f", long, "--ctx", "768", "-t", "1"}},
		{section: "heads", args: []string{"heads", tiny(t, "llama.context_length", uint32(1024)), "-f", long, "--ctx", "768", "-t", "1", "--window", "64", "--reads", "0.3", "--score", "16"}},
		{section: "advise", args: append([]string{"advise", tiny(t, "llama.context_length", uint32(1024)), "-f", long, "--plan", "far=cap near=none"}, tinyAdvice...)},
		{section: "inspect", args: []string{"inspect", m}},
		{section: "plan", args: []string{"plan", m}},
		{section: "plan", args: []string{"plan", m, "--spill", dir}},
		{section: "plan", args: []string{"plan", m, "--memory", "1GiB"}, when: []string{"--memory"}},
		{section: "plan", args: []string{"plan", m, "--memory", "1MiB"}, when: []string{"--memory"}},
		{section: "plans", args: []string{"plans"}},
		{section: "plans", args: []string{"plans", "masformer(every=2); kv=q8_0", m}, when: []string{"MODEL"}},
		{section: "convert", args: []string{"convert", "../../testdata/arch/llama", dir + "/c.gguf", "--type", "F16"}},
		{section: "quantize", args: []string{"quantize", m, dir + "/q.gguf", "--type", "Q8_0"}},
		{section: "calibrate", args: []string{"calibrate", m, "-f", short, "-o", dir + "/b.gguf", "--ctx", "128"}},
		{section: "compress", args: []string{"compress", m, "-o", dir + "/l.gguf", "--rank", "0.5", "--type", "F32", "--calib", short, "--ctx", "64"}},
		{section: "inspect", args: []string{"inspect", dir + "/l.gguf"}, when: []string{"factors"}},
		{section: "list", args: []string{"list"}},
		{section: "rm", args: []string{"rm", "gemma3:270m"}},
		{section: "version", args: []string{"version"}},
	}
	seen := map[string]bool{"stats": true, "pull": true} // the parts of others, and what needs the network: TestPullJSON
	for _, c := range cases {
		c.check(t, doc)
		seen[c.section] = true
	}
	names := []string{"stats"}
	for _, c := range commands() {
		if c.HasParent() && !c.HasSubCommands() {
			names = append(names, strings.TrimPrefix(c.CommandPath(), "godwit "))
		}
	}
	slices.Sort(names)
	sections := slices.Sorted(maps.Keys(doc))
	if d := cmp.Diff(slices.Sorted(maps.Keys(seen)), sections); d != "" {
		t.Errorf("sections (-tested +documented):\n%s", d)
	}
	if d := cmp.Diff(names, sections); d != "" {
		t.Errorf("sections (-commands +documented):\n%s", d)
	}
}

// TestPullJSON needs a real model.
func TestPullJSON(t *testing.T) {
	path := testmodel.Path(t, defaultModel)
	dir := t.TempDir()
	if err := os.Symlink(filepath.Dir(path), filepath.Join(dir, "models")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODWIT_CACHE", dir)
	contract{section: "pull", args: []string{"pull", defaultModel}}.check(t, documented(t))
}

// TestJSONComparison: the comparison rejects objects that are not as documented.
func TestJSONComparison(t *testing.T) {
	want := []string{"a integer", "b[].c string", "d map of integer", "e list of string", "f number"}
	good := `{"a":1,"b":[{"c":"x"}],"d":{"any":1},"e":[],"f":2}`
	if d := difference(t, good, want); d != "" {
		t.Errorf("what is as documented was refused:\n%s", d)
	}
	for _, bad := range []string{
		`{"a":1,"b":[{"c":"x"}],"d":{"any":1},"e":[]}`,                              // a field is missing
		`{"a":1,"b":[{"c":"x"}],"d":{"any":1},"e":[],"f":2,"g":1}`,                  // one too many
		`{"a":"1","b":[{"c":"x"}],"d":{"any":1},"e":[],"f":2}`,                      // another type
		`{"a":1.5,"b":[{"c":"x"}],"d":{"any":1},"e":[],"f":2}`,                      // no integer
		`{"a":1,"b":[{"c":"x"},{"c":"x","g":1}],"d":{"any":1},"e":[],"f":2}`,        // in a list
		`{"a":1,"b":[{"c":"x"}],"d":{"any":"1"},"e":[],"f":2}`,                      // in a map
		`{"a":1,"b":[{"c":"x"}],"d":{"any":1},"e":[3],"f":2}`,                       // in a list of scalars
		`{"a":1,"b":[{"c":"x"}],"d":{"any":1},"e":null,"f":2}`,                      // null for an empty list
		fmt.Sprintf(`{"a":1,"b":[{"c":%q}],"d":{"any":1},"e":["x"],"f":null}`, "x"), // null for a number
	} {
		if difference(t, bad, want) == "" {
			t.Errorf("accepted %s", bad)
		}
	}
}
