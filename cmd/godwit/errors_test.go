package main

import (
	"os"
	"strings"
	"testing"
	"unicode"
)

// TestErrors: every mistake gives one sentence that says what to do, nothing on standard output, and its exit code.
func TestErrors(t *testing.T) {
	m, dir := tiny(t), t.TempDir()
	bare := tiny(t, "tokenizer.chat_template", nil)
	mute := tiny(t, "tokenizer.ggml.tokens", nil)
	junk := text(t, "this is no model")
	short := text(t, "GGUF\x03\x00\x00\x00")
	for _, c := range []struct {
		args  string
		stdin string
		code  int
		want  []string // in the message
	}{
		{"nope", "", exitUsage, []string{`no command "nope"`, "godwit --help"}},
		{"inspct", "", exitUsage, []string{"did you mean `godwit inspect`?"}},
		{"smollm2:135m", "", exitUsage, []string{"`godwit run smollm2:135m` runs the model"}},
		{"run --nope", "", exitUsage, []string{"unknown flag: --nope", "godwit run --help"}},
		{"run smolm2 hi", "", exitUsage, []string{"did you mean smollm2:135m?"}},
		{"run no-such-model hi", "", exitUsage, []string{"neither a file of that name", "gemma3:270m, smollm2:135m"}},
		{"run " + strings.TrimSuffix(m, ".gguf") + " hi", "", exitUsage, []string{"did you mean " + m}},
		{"run what? ", "", exitUsage, []string{"to ask the default model", `godwit run smollm2:135m "what?"`}},
		{"run " + m, "", exitUsage, []string{"the prompt is empty"}},
		{"run " + m + " a b", "", exitUsage, []string{`"b" is one too many`, "quote a text that has spaces"}},
		{"run " + m + " hi -n 0", "", exitUsage, []string{"-n 0 is not"}},
		{"run " + m + " hi --top 3", "", exitUsage, []string{"--json"}},
		{"run " + m + " hi --fit", "", exitUsage, []string{"-f FILE"}},
		{"run " + m + " hi --raw --system x", "", exitUsage, []string{"--raw"}},
		{"run " + m + " hi --temp -1", "", exitUsage, []string{"temperature is -1"}},
		{"run " + m + " hi --seed -5", "", exitUsage, []string{"--seed -5"}},
		{"run " + m + " hi --logit-bias 3", "", exitUsage, []string{"ID=BIAS"}},
		{"run " + m + " hi --samplers nope", "", exitUsage, []string{"nope"}},
		{"run " + m + " hi --template nope", "", exitUsage, []string{"nope", "chatml"}},
		{"run " + m + " hi --plan kv=f3", "", exitUsage, []string{"f16, f32, kivi, pca, q4 and q8_0", "godwit inspect"}},
		{"run " + m + " hi --ctx 10", "", exitError, []string{"the prompt has", "the context holds 10", "shorten it", "trained for 256"}},
		{"run " + m + " hi -f " + dir + "/none.txt", "", exitError, []string{"the text of -f", "none.txt"}},
		{"run " + m + " hi -f " + text(t, " \n"), "", exitError, []string{"is empty"}},
		{"run " + bare + " hi", "", exitError, []string{"no chat template", "--raw", "--template NAME"}},
		{"run " + mute + " hi", "", exitError, []string{"no tokenizer", "godwit logits"}},
		{"tokenize " + mute + " hi", "", exitError, []string{"no tokenizer", "godwit logits"}},
		{"run " + junk + " hi", "", exitError, []string{"no GGUF magic", "godwit convert"}},
		{"run " + dir + " hi", "", exitUsage, []string{"is a folder", "godwit convert"}},
		{"run " + m + " hi --plan layout=ring", "", exitUsage, []string{"ring with full", "godwit inspect"}},
		{"run " + m + " hi --ctx -1", "", exitUsage, []string{"--ctx -1", "268435456"}},
		{"run " + m + " hi --threads 1000", "", exitUsage, []string{"--threads 1000", "256"}},
		{"run " + m + " hi --coords " + short, "", exitUsage, []string{"--coords", "group="}},
		{"run " + m + " hi --plan group=same(b) --coords " + dir + "/none.txt", "", exitUsage, []string{"--coords", "none.txt"}},
		{"run " + m + " hi --plan group=same(b) --coords " + text(t, "0 1\n2\n"), "", exitUsage, []string{"--coords", "line 2", `"2"`}},
		{"run " + m + " hi --plan group=same(b) --coords " + text(t, ""), "", exitUsage, []string{"is empty"}},
		{"run no-such-model", "never read", exitUsage, []string{"no model"}},
		{"inspect " + junk, "", exitError, []string{"no GGUF magic", "godwit convert"}},
		{"inspect " + short, "", exitError, []string{"file ends early"}},
		{"inspect " + m + " --threads -1", "", exitUsage, []string{"--threads -1"}},
		{"run " + m + " hi --power fast", "", exitUsage, []string{"--power \"fast\"", "background"}},
		{"run " + m + " hi --memory 300Mb", "", exitUsage, []string{`"300Mb" is not a size such as 300MiB`}},
		{"run " + m + " hi --memory 1kB", "", exitUsage, []string{"--memory 1000", "without a model"}},
		{"run " + m + " hi --ctx 2000000 --memory 300MiB", "", exitError, []string{"the memory budget is too small", "keys and values 256.0 MB", "give --memory more, or --ctx"}},
		{"plans nope", "", exitUsage, []string{`no plan "nope"`, "streaming"}},
		{"run " + m + " hi --plan streming", "", exitUsage, []string{"at character 1", "nor a named plan", "streaming"}},
		{"run " + m + " hi --plan streaming(windw=3)", "", exitUsage, []string{"at character 11", "it takes sinks= and window="}},
		{"plan " + m + " --ctx -1", "", exitUsage, []string{"--ctx -1"}},
		{"chat " + m + " -n -1", "", exitUsage, []string{"-n -1"}},
		{"chat " + bare, "", exitError, []string{"no chat template", "--template NAME"}},
		{"tokenize", "", exitUsage, []string{"an argument is missing", "tokenize MODEL [TEXT]"}},
		{"logits " + m, "", exitUsage, []string{"--ids LIST", "--out FILE.npy"}},
		{"logits " + m + " --ids 1,x --out " + dir + "/o", "", exitUsage, []string{`"x"`}},
		{"logits " + m + " --ids 1,2 --out " + dir + "/none/o.npy", "", exitError, []string{"none/o.npy"}},
		{"logits " + m + " --ids 1,2 --out " + dir, "", exitUsage, []string{"is a folder", "logits.npy"}},
		{"logits " + m + " --ids 1,2 --out " + os.DevNull, "", exitUsage, []string{"is no regular file"}},
		{"perplexity " + m + " -f - --ctx 3", "short", exitUsage, []string{"--ctx 3", "4 tokens"}},
		{"perplexity " + m + " -f - --ctx 64 --stride 64", "short", exitUsage, []string{"--stride 64", "--ctx"}},
		{"bench " + m + " -p 8 -n 1 -d 0,60 --ctx 64", "", exitUsage, []string{"--ctx 64", "68 tokens"}},
		{"perplexity " + m, "", exitUsage, []string{"-f FILE"}},
		{"perplexity " + m + " -f - --ctx 64", "short", exitError, []string{"6 tokens, window 64", "give --ctx less"}},
		{"perplexity " + m + " -f - --protocol nope", "short", exitUsage, []string{"nope", "chunks", "sliding"}},
		{"perplexity " + m + " -f - --protocol chunks --stride 4", "short", exitUsage, []string{"--stride"}},
		{"bench " + m + " -p -1", "", exitUsage, []string{"-1"}},
		{"bench " + m + " -p 0 -n 0", "", exitUsage, []string{"nothing to measure"}},
		{"bench " + m + " --peer nope", "", exitUsage, []string{"--peer nope", "llama.cpp"}},
		{"bench " + m + " --peer llama.cpp --exact", "", exitUsage, []string{"--peer and --exact"}},
		{"bench " + m + " --peer llama.cpp --peer-python " + dir + "/none", "", exitError, []string{"needs Python", "none", "--peer-python PATH"}},
		{"bench " + m + " --peer llama.cpp --plan span=window(8)", "", exitUsage, []string{"--peer", "span=window(8) changes more"}},
		{"bench " + m + " --peer llama.cpp --plan 0:kv=q8_0", "", exitUsage, []string{"different caches", "0:kv=q8_0"}},
		{"bench " + m + " -d 0,8 --chart speed.pdf", "", exitUsage, []string{"--chart speed.pdf", ".svg", ".png"}},
		{"bench " + m + " -d 8,8 --chart speed.svg", "", exitUsage, []string{"several depths"}},
		{"bench " + m + " -d 0,8 --chart " + dir + "/none/speed.svg", "", exitUsage, []string{"no folder"}},
		{"bench " + m + " -r 0", "", exitUsage, []string{"--reps 0"}},
		{"bench " + m + " --plans kv=f16|kv=nope", "", exitUsage, []string{"nope", "is not a codec"}},
		{"bench " + m + " --plans kv=f16|layout=ring", "", exitUsage, []string{"--plans", "ring with full"}},
		{"bench " + m + " --plans kv=f16|kv=f32 --plan kv=f32", "", exitUsage, []string{"--plan and --plans"}},
		{"convert " + dir + " " + dir + "/o.gguf", "", exitError, []string{"no config.json"}},
		{"quantize " + m + " " + dir + "/o.gguf --type Q8_0 --threads 1000", "", exitUsage, []string{"--threads 1000"}},
		{"convert " + m + " " + dir + "/o.gguf", "", exitUsage, []string{"godwit quantize"}},
		{"convert " + dir + " " + dir, "", exitUsage, []string{"is a folder"}},
		{"convert ../../testdata/arch/llama " + dir + "/o.gguf --type nope", "", exitUsage, []string{"nope", "Q4_K_M"}},
		{"quantize " + m + " " + dir + "/o.gguf", "", exitUsage, []string{"--type", "Q4_K_M"}},
		{"quantize " + m + " " + m + " --type Q8_0", "", exitError, []string{"the input cannot be the output"}},
		{"quantize " + m + " " + dir + "/o.gguf --type nope", "", exitUsage, []string{"nope"}},
		{"quantize " + m + " " + dir + "/o.gguf --type Q8_0 --imatrix " + junk, "", exitError, []string{"importance matrix"}},
		{"calibrate " + m + " -o " + dir + "/b.gguf", "", exitUsage, []string{"-f TEXT"}},
		{"calibrate " + m + " -f " + dir + "/none -o " + dir + "/b.gguf", "", exitError, []string{"none"}},
		{"calibrate " + m + " -f - -o " + dir + "/b.gguf --ctx 100", "a b c", exitUsage, []string{"--ctx", "128"}},
		{"calibrate " + m + " -f - -o " + dir + "/b.gguf", "a b c", exitUsage, []string{"two tiles of 64 tokens"}},
		{"run " + m + " hi --plan kv=pca", "", exitUsage, []string{"pca(bits=2.5) with", "no bases that fit", "godwit calibrate MODEL"}},
		{"run " + m + " hi --plan kv=pca(bits=9)", "", exitUsage, []string{"pca: 9 bits are not from 0.5 to 4.25"}},
		{"run " + m + " hi --bases " + m + " --plan kv=pca", "", exitError, []string{"a file of type"}},
		{"compress " + m, "", exitUsage, []string{"-o FILE"}},
		{"compress " + m + " -o " + dir, "", exitUsage, []string{"is a folder"}},
		{"compress " + m + " -o " + dir + "/o.gguf", "", exitUsage, []string{"one of --rank, --energy and --size"}},
		{"compress " + m + " -o " + dir + "/o.gguf --rank 3 --size 90%", "", exitUsage, []string{"one of --rank, --energy and --size"}},
		{"compress " + m + " -o " + dir + "/o.gguf --rank 1.5", "", exitUsage, []string{`--rank "1.5"`, "0.8"}},
		{"compress " + m + " -o " + dir + "/o.gguf --size 90", "", exitError, []string{"90 bytes", "cannot be reached"}},
		{"compress " + m + " -o " + dir + "/o.gguf --size 120%", "", exitUsage, []string{`--size "120%"`, "90%"}},
		{"compress " + m + " -o " + dir + "/o.gguf --energy 2", "", exitUsage, []string{"--energy 2"}},
		{"compress " + m + " -o " + dir + "/o.gguf --rank 3 --type Q4_K", "", exitUsage, []string{"Q4_K", "Q8_0"}},
		{"compress " + m + " -o " + dir + "/o.gguf --rank 3 --keep [", "", exitUsage, []string{"bad pattern"}},
		{"compress " + m + " -o " + dir + "/o.gguf --rank 3 --calib " + dir + "/none", "", exitError, []string{"none"}},
		{"compress " + m + " -o " + m + " --rank 3", "", exitError, []string{"the input cannot be the output"}},
		{"pull gema", "", exitUsage, []string{"did you mean gemma3:270m?"}},
		{"rm smollm2:135m", "", exitError, []string{"nothing to delete", "godwit list"}},
	} {
		r := godwitWith(t, c.stdin, strings.Fields(c.args)...)
		if r.code != c.code || r.out != "" {
			t.Errorf("godwit %s: exit %d, want %d; printed %q", c.args, r.code, c.code, r.out)
		}
		if !strings.HasPrefix(r.err, "godwit: ") || strings.Count(r.err, "\n") != 1 || !strings.HasSuffix(r.err, "\n") {
			t.Errorf("godwit %s: not one sentence: %q", c.args, r.err)
		}
		for _, w := range c.want {
			if !strings.Contains(r.err, w) {
				t.Errorf("godwit %s: %q does not say %q", c.args, r.err, w)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("commands that failed left %v (%v)", left, err)
	}
}

// TestAgain: rounding twice is refused with the way out, and --again takes it.
func TestAgain(t *testing.T) {
	m, dir := tiny(t), t.TempDir()
	must(t, "", "quantize", m, dir+"/a.gguf", "--type", "Q8_0")
	r := godwitWith(t, "", "quantize", dir+"/a.gguf", dir+"/b.gguf", "--type", "Q4_0")
	if r.code != exitError || !strings.Contains(r.err, "--again") {
		t.Errorf("exit %d, %q", r.code, r.err)
	}
	r = must(t, "", "quantize", dir+"/a.gguf", dir+"/b.gguf", "--type", "Q4_0", "--again", "-q")
	if !strings.Contains(r.err, "godwit: warning: ") {
		t.Errorf("no warning: %q", r.err)
	}
	must(t, "", "run", dir+"/b.gguf", "hello", "-n", "2")
}

// TestConvert: a directory without a tokenizer converts with a warning, and the result is a model.
func TestConvert(t *testing.T) {
	out := t.TempDir() + "/m.gguf"
	r := must(t, "", "convert", "../../testdata/arch/llama", out, "--type", "f16", "--name", "mine")
	if !strings.Contains(r.err, "warning: no tokenizer.json") || !strings.Contains(r.err, "llama, F16") {
		t.Errorf("%q", r.err)
	}
	if j := decode[inspectJSON](t, must(t, "", "inspect", out, "--json")); j.Problem != "" || j.Name != "mine" || j.Vocabulary != 96 {
		t.Errorf("%+v", j)
	}
	must(t, "", "logits", out, "--ids", "1,2,3", "--out", out+".npy")
}

// controls tells whether a text would do something else to a terminal than show letters.
func controls(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) })
}

// TestHostileNames: what a file calls things reaches no terminal as it is.
func TestHostileNames(t *testing.T) {
	const evil = "\x1b[2J\x1b]0;owned\a\u009b31m\r\x7f"
	m := tiny(t, "general.name", "a"+evil, "x"+evil, "y"+evil, "list"+evil, []string{evil, evil})
	alien := tiny(t, "general.architecture", "alien"+evil)
	template := tiny(t, "tokenizer.chat_template", "{{ raise_exception('"+evil+"') }}")
	pre := tiny(t, "tokenizer.ggml.pre", evil)
	for _, args := range [][]string{
		{"inspect", m}, {"inspect", m, "--tensors"}, {"inspect", m, "--json"},
		{"inspect", alien}, {"inspect", alien, "--json"}, {"run", alien, "hi"},
		{"run", template, "hi"}, {"run", pre, "hi"}, {"tokenize", m, evil}, {"tokenize", m, evil, "--json"},
		{"run", evil, "hi"}, {"pull", evil}, {evil}, {"run", m, "hi", "--template", evil}, {"run", m, "hi", "--plan", evil},
		{"run", m, evil, "-n", "4", "--json"},
	} {
		if r := godwitWith(t, "", args...); controls(r.out) || controls(r.err) || r.out+r.err == "" {
			t.Errorf("%q printed %q, %q", args, r.out, r.err)
		}
	}
	if !strings.Contains(must(t, "", "inspect", m).out, "owned") {
		t.Error("the name is not shown at all")
	}
	j := decode[inspectJSON](t, must(t, "", "inspect", m, "--json"))
	if j.Name != "a"+evil {
		t.Errorf("the name in JSON is %q, want it unchanged", j.Name)
	}
}

// TestInspectAlien: a file that cannot be run is shown with the reason.
func TestInspectAlien(t *testing.T) {
	m := tiny(t, "general.architecture", "alien")
	r := must(t, "", "inspect", m)
	if !strings.Contains(r.out, "does not run") || !strings.Contains(r.out, "unknown architecture") || !strings.Contains(r.out, "tokenizer.ggml.pre") {
		t.Errorf("%s", r.out)
	}
	j := decode[inspectJSON](t, must(t, "", "inspect", m, "--json"))
	if j.Problem == "" || j.Architecture != "alien" || len(j.Tensors) != 20 || j.Plan != "" || j.Memory.KV == nil {
		t.Errorf("%+v", j)
	}
}
