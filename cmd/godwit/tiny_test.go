package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
)

// The tiny model's special tokens; the 256 bytes and three merges follow.
const (
	tinyEnd      = 0 // <|endoftext|>
	tinyTurnEnds = 2 // <|im_end|>
	tinyVocab    = 3 + 256 + 3
	tinyContext  = 256
)

const tinyTemplate = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

// byteLetters are the characters that stand for bytes in byte-level vocabularies: printable ones for themselves, the others
// from U+0100 on.
func byteLetters() (letters []string) {
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			r, next = next, next+1
		}
		letters = append(letters, string(r))
	}
	return letters
}

// tiny writes a model of two layers with random weights, a byte-level tokenizer and a chat template. Further pairs of keys and
// values replace or add metadata; a nil value leaves the key out.
func tiny(t *testing.T, meta ...any) string {
	t.Helper()
	const width, heads, kv, hidden, layers = 32, 4, 2, 64, 2
	tokens := append([]string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}, byteLetters()...)
	tokens = append(tokens, "Ġt", "he", "Ġthe")
	kinds := make([]int32, tinyVocab)
	for i := range kinds {
		kinds[i] = 1
		if i < 3 {
			kinds[i] = 3
		}
	}
	all := []any{
		"general.architecture", "llama", "general.name", "Tiny",
		"llama.context_length", uint32(tinyContext), "llama.embedding_length", uint32(width), "llama.block_count", uint32(layers),
		"llama.feed_forward_length", uint32(hidden), "llama.attention.head_count", uint32(heads),
		"llama.attention.head_count_kv", uint32(kv), "llama.attention.layer_norm_rms_epsilon", float32(1e-5),
		"llama.rope.dimension_count", uint32(width / heads), "llama.vocab_size", uint32(tinyVocab),
		"tokenizer.ggml.model", "gpt2", "tokenizer.ggml.pre", "gpt-2", "tokenizer.ggml.tokens", tokens,
		"tokenizer.ggml.token_type", kinds, "tokenizer.ggml.merges", []string{"Ġ t", "h e", "Ġt he"},
		"tokenizer.ggml.bos_token_id", uint32(tinyEnd), "tokenizer.ggml.eos_token_id", uint32(tinyTurnEnds),
		"tokenizer.ggml.add_bos_token", true, "tokenizer.chat_template", tinyTemplate,
	}
	replaced := map[any]bool{}
	for i := 0; i < len(meta); i += 2 {
		replaced[meta[i]] = true
	}
	w := &gguf.Writer{}
	set := func(pairs []any, skip map[any]bool) {
		for i := 0; i < len(pairs); i += 2 {
			if skip[pairs[i]] || pairs[i+1] == nil {
				continue
			}
			if err := w.Set(pairs[i].(string), pairs[i+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(all, replaced)
	set(meta, nil)
	rng := rand.New(rand.NewPCG(1, 1))
	add := func(name string, dims ...int) {
		n := 1
		for _, d := range dims {
			n *= d
		}
		data := make([]byte, 0, 4*n)
		for range n {
			v := float32(1)
			if len(dims) > 1 {
				v = 0.5 * (rng.Float32()*2 - 1)
			}
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		if err := w.Add(name, quant.F32, dims, gguf.Bytes(data)); err != nil {
			t.Fatal(err)
		}
	}
	add("token_embd.weight", width, tinyVocab)
	add("output_norm.weight", width)
	for i := range layers {
		l := fmt.Sprintf("blk.%d.", i)
		add(l+"attn_norm.weight", width)
		add(l+"attn_q.weight", width, width)
		add(l+"attn_k.weight", width, width*kv/heads)
		add(l+"attn_v.weight", width, width*kv/heads)
		add(l+"attn_output.weight", width, width)
		add(l+"ffn_norm.weight", width)
		add(l+"ffn_gate.weight", width, hidden)
		add(l+"ffn_up.weight", width, hidden)
		add(l+"ffn_down.weight", hidden, width)
	}
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// result is what one command line gave.
type result struct {
	code     int
	out, err string
}

// userCache is the cache folder that the user has set, which tests must leave alone: some of them delete models.
var userCache = os.Getenv("GODWIT_CACHE")

// godwitWith runs one command line in this process, with the cache folder that the test has set or else one of its own.
func godwitWith(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	if os.Getenv("GODWIT_CACHE") == userCache {
		t.Setenv("GODWIT_CACHE", t.TempDir())
	}
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(stdin), out: &out, err: &errs}
	code := a.main(context.Background(), args)
	return result{code, out.String(), errs.String()}
}

// must runs a command line that succeeds.
func must(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	r := godwitWith(t, stdin, args...)
	if r.code != 0 {
		t.Fatalf("godwit %s: exit %d, %s", strings.Join(args, " "), r.code, r.err)
	}
	return r
}

// text writes a file of a test.
func text(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
