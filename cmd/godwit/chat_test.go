package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit"
)

// turns runs a chat with --json and returns its answers.
func turns(t *testing.T, stdin string, args ...string) (all []turnJSON, errs string) {
	t.Helper()
	r := must(t, stdin, append([]string{"chat", "--json", "--temp", "0", "-n", "6"}, args...)...)
	for d := json.NewDecoder(strings.NewReader(r.out)); d.More(); {
		var v turnJSON
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, r.out)
		}
		all = append(all, v)
	}
	return all, r.err
}

// TestChat: each line is a turn, earlier ones are not computed again, and the answers are those of one whole prompt.
func TestChat(t *testing.T) {
	m := tiny(t)
	all, _ := turns(t, "hello\n\nand more\n", m)
	if len(all) != 2 || all[0].Prompt != "hello" || all[1].Prompt != "and more" {
		t.Fatalf("%+v", all)
	}
	if all[0].Kept != 0 || all[1].Kept < len(all[0].TokenIDs) || all[1].Held <= all[0].Held || all[1].Ctx != tinyContext {
		t.Errorf("kept %d and %d tokens, held %d and %d of %d", all[0].Kept, all[1].Kept, all[0].Held, all[1].Held, all[1].Ctx)
	}
	again, _ := turns(t, "hello\n/undo\nhello\n/regen\n", m)
	if len(again) != 3 || !slices.Equal(again[1].TokenIDs, all[0].TokenIDs) || !slices.Equal(again[2].TokenIDs, all[0].TokenIDs) {
		t.Errorf("/undo and /regen: %+v, want %v again", again, all[0].TokenIDs)
	}
	joined, _ := turns(t, "two \\\nlines\n", m)
	if len(joined) != 1 || joined[0].Prompt != "two \nlines" {
		t.Errorf("a continued line: %+v", joined)
	}
}

// TestChatSystem: the system prompt comes first, from the flag or the command.
func TestChatSystem(t *testing.T) {
	m := tiny(t)
	flag, _ := turns(t, "hello\n", m, "--system", "be brief")
	command, _ := turns(t, "/system be brief\nhello\n", m)
	none, _ := turns(t, "/system be brief\n/system\nhello\n", m)
	if flag[0].Stats.PromptTokens != command[0].Stats.PromptTokens || none[0].Stats.PromptTokens >= flag[0].Stats.PromptTokens {
		t.Errorf("prompts of %d, %d and %d tokens", flag[0].Stats.PromptTokens, command[0].Stats.PromptTokens, none[0].Stats.PromptTokens)
	}
}

// TestChatFull: a full context is told with its numbers and what helps, and the chat goes on.
func TestChatFull(t *testing.T) {
	m := tiny(t)
	long := strings.Repeat("far ", 14)
	all, errs := turns(t, long+"\n"+long+"\n"+long+"\n/drop\n/drop 9\n/clear\nhello\n", m, "--ctx", "200")
	if !strings.Contains(errs, "the context is full") || !strings.Contains(errs, "of 200") || !strings.Contains(errs, "/drop") {
		t.Errorf("%q", errs)
	}
	// The first /drop makes room for the answer to the third message, the second leaves nothing to answer.
	if n := len(all); n != 4 || all[2].Prompt != long || all[3].Prompt != "hello" {
		t.Errorf("%d answers: two, one after /drop and one after /clear were to come: %+v", n, all)
	}
	if strings.Count(errs, "forgot the oldest") != 2 {
		t.Errorf("%q", errs)
	}
}

// TestChatCommands: what commands say, and that mistakes do not end the chat.
func TestChatCommands(t *testing.T) {
	m := tiny(t)
	file := t.TempDir() + "/chat.txt"
	r := must(t, strings.Join([]string{"/nope", "/undo", "/regen", "/drop", "/drop x", "/save", "/load " + file, "hello", "/save " + file, "/clear",
		"/load " + file, "/plan", "/stats", "/help", "/exit", "never read"}, "\n"), "chat", m, "--temp", "0", "-n", "3", "--system", "be brief")
	for _, want := range []string{"no command /nope", "nothing to undo", "no message to answer", "no answered message", "not a number of messages",
		"needs a file's name", "chat.txt", "saved 2 turns", "forgotten", "read 2 turns"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("%q is not told in %q", want, r.err)
		}
	}
	for _, want := range []string{"kv=f16", "3 generated", "/system [TEXT]"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is not in %q", want, r.out)
		}
	}
	saved, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(saved), "--- system\nbe brief\n--- user\nhello\n--- assistant\n") {
		t.Errorf("saved %q (%v)", saved, err)
	}
	for _, c := range chatCommands {
		if !strings.Contains(chatHelp, "\n  "+c+" ") {
			t.Errorf("the help does not list %s", c)
		}
	}
}

// TestTranscript: any conversation comes back as it was.
func TestTranscript(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	pieces := []string{"--- user", "--- ", "\\", "\\--- x", "\n", "a", "", "---", "\n\n", " "}
	for range 2000 {
		var want []godwit.Message
		if rng.IntN(2) == 0 {
			want = append(want, godwit.Message{Role: "system"})
		}
		for i := range 1 + rng.IntN(4) {
			want = append(want, godwit.Message{Role: []string{"user", "assistant"}[i%2]})
		}
		for i := range want {
			for range rng.IntN(5) {
				want[i].Content += pieces[rng.IntN(len(pieces))]
			}
		}
		var b bytes.Buffer
		if err := writeTranscript(&b, want); err != nil {
			t.Fatal(err)
		}
		got, err := readTranscript(b.String())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q came back as %q, %v\n%s", want, got, err, b.String())
		}
	}
	for _, bad := range []string{"", "hello", "--- assistant\nx", "--- user\nx\n--- user\ny", "--- user\nx\n--- system\ny", "--- other\n"} {
		if _, err := readTranscript(bad); err == nil {
			t.Errorf("%q was taken for a transcript", bad)
		}
	}
}
