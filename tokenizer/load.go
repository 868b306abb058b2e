package tokenizer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/godwit-ai/godwit/gguf"
)

// model is the algorithm, named by tokenizer.ggml.model.
type model uint8

const (
	modelGPT2  model = iota + 1 // byte-level BPE
	modelLlama                  // SentencePiece BPE
	modelT5                     // SentencePiece unigram
	modelBert                   // WordPiece
)

// maxVocab is far above any vocabulary (the largest have 262,144 entries) and keeps ids within the index's slots.
const maxVocab = 1 << 24

// New reads the tokenizer of a model file's metadata. It looks at no entry of the vocabulary: that is left to the first use.
func New(m *gguf.Meta) (*Tokenizer, error) {
	f, err := readFields(m)
	if err != nil {
		return nil, err
	}
	return newTokenizer(f)
}

// fields are the metadata that make a tokenizer.
type fields struct {
	model, pre     string
	name, arch     string // general.name, general.architecture
	tokens, merges gguf.StringArray
	merged         bool // merges are there, if only none
	scores         gguf.FloatArray
	kinds          gguf.IntArray
	charsmap       []byte
	ids            map[string]int64 // by the part of tokenizer.ggml.*_token_id
	flags          map[string]bool  // by what follows tokenizer.ggml.
}

const keys = "tokenizer.ggml."

var (
	idKeys   = []string{"bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "cls", "fim_pad", "fim_rep", "fim_sep"}
	flagKeys = []string{"add_bos_token", "add_eos_token", "add_sep_token", "add_space_prefix", "remove_extra_whitespaces",
		"normalizer.lowercase", "normalizer.strip_accents"}
)

func readFields(m *gguf.Meta) (*fields, error) {
	f := &fields{ids: map[string]int64{}, flags: map[string]bool{}}
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", ErrMetadata, err))
		}
	}
	text := func(to *string, key string) {
		var err error
		*to, err = m.StringOr(key, "")
		note(err)
	}
	var err error
	f.model, err = m.String(keys + "model")
	note(err)
	text(&f.pre, keys+"pre")
	text(&f.name, "general.name")
	text(&f.arch, "general.architecture")
	f.tokens, err = m.Strings(keys + "tokens")
	note(err)
	if m.Has(keys + "merges") {
		f.merged = true
		f.merges, err = m.Strings(keys + "merges")
		note(err)
	}
	if m.Has(keys + "scores") {
		f.scores, err = m.Floats(keys + "scores")
		note(err)
	}
	if m.Has(keys + "token_type") {
		f.kinds, err = m.Ints(keys + "token_type")
		note(err)
	}
	if m.Has(keys + "precompiled_charsmap") {
		f.charsmap, err = m.Bytes(keys + "precompiled_charsmap")
		note(err)
	}
	for _, name := range idKeys {
		if key := keys + name + "_token_id"; m.Has(key) {
			f.ids[name], err = m.Int(key)
			note(err)
		}
	}
	for _, name := range flagKeys {
		if m.Has(keys + name) {
			f.flags[name], err = m.Bool(keys + name)
			note(err)
		}
	}
	return f, errors.Join(errs...)
}

// newTokenizer checks f and makes a tokenizer of it. It looks at no entry of the vocabulary.
func newTokenizer(f *fields) (*Tokenizer, error) {
	t := &Tokenizer{pre: f.pre, name: strings.ToLower(f.name), arch: f.arch,
		tokens: f.tokens, merges: f.merges, scores: f.scores, kinds: f.kinds}
	n := f.tokens.Len()
	switch {
	case n == 0:
		return nil, fmt.Errorf("%w: tokenizer.ggml.tokens: empty or missing", ErrMetadata)
	case n > maxVocab:
		return nil, fmt.Errorf("%w: tokenizer.ggml.tokens: %d entries, more than %d", ErrMetadata, n, maxVocab)
	case f.scores.Len() > 0 && f.scores.Len() != n:
		return nil, fmt.Errorf("%w: tokenizer.ggml.scores: %d for %d tokens", ErrMetadata, f.scores.Len(), n)
	case f.kinds.Len() > 0 && f.kinds.Len() != n:
		return nil, fmt.Errorf("%w: tokenizer.ggml.token_type: %d for %d tokens", ErrMetadata, f.kinds.Len(), n)
	}
	id := func(name string, def ID) ID {
		v, ok := f.ids[name]
		if ok && v >= 0 && v < int64(n) {
			return ID(v)
		}
		// Converters write −1 or another number that is no token for "none".
		if ok || int(def) >= n {
			return -1
		}
		return def
	}
	flag := func(name string, def bool) bool {
		if v, ok := f.flags[name]; ok {
			return v
		}
		return def
	}
	none := ID(-1)
	bos, eos, unk, pad, sep := none, none, none, none, none
	addBOS, addEOS := false, false
	switch f.model {
	case "gpt2", "gemma4":
		t.model = modelGPT2
		if f.model == "gemma4" {
			t.pre = "gemma4"
		}
		t.fam = families[t.pre]
		if t.fam == nil {
			return nil, fmt.Errorf("%w: tokenizer.ggml.pre is %.40q", ErrPre, t.pre)
		}
		if !f.merged {
			return nil, fmt.Errorf("%w: tokenizer.ggml.merges: missing", ErrMetadata)
		}
		if f.merges.Len() > maxVocab {
			return nil, fmt.Errorf("%w: tokenizer.ggml.merges: %d entries, more than %d", ErrMetadata, f.merges.Len(), maxVocab)
		}
		addBOS = t.fam.bos
	case "llama":
		t.model = modelLlama
		if f.scores.Len() == 0 {
			return nil, fmt.Errorf("%w: tokenizer.ggml.scores: missing", ErrMetadata)
		}
		bos, eos, unk = 1, 2, 0
		addBOS = true
		t.spacePrefix = flag("add_space_prefix", true)
		t.trimSpaces = flag("remove_extra_whitespaces", false)
	case "t5":
		t.model = modelT5
		if f.scores.Len() == 0 {
			return nil, fmt.Errorf("%w: tokenizer.ggml.scores: missing", ErrMetadata)
		}
		eos, unk, pad = 1, 2, 0
		addEOS = true
		t.spacePrefix = flag("add_space_prefix", false)
		t.norm.prefix = t.spacePrefix
		t.norm.merge = flag("remove_extra_whitespaces", false)
		if err := t.norm.parse(f.charsmap); err != nil {
			return nil, err
		}
	case "bert":
		t.model = modelBert
		bos, unk, sep, pad = 101, 100, 102, 0
		if v, ok := f.ids["cls"]; ok && v >= 0 && v < int64(n) {
			bos = ID(v)
		}
		addBOS = true
		t.lowercase = flag("normalizer.lowercase", true)
		t.stripAccents = flag("normalizer.strip_accents", t.lowercase)
	default:
		return nil, fmt.Errorf("%w: tokenizer.ggml.model is %.40q", ErrModel, f.model)
	}
	t.bos, t.eos, t.unk, t.pad = id("bos", bos), id("eos", eos), id("unknown", unk), id("padding", pad)
	t.sep, t.eot = id("seperator", sep), id("eot", none) // the key's spelling is the format's
	for _, v := range []ID{t.eos, t.eot, id("eom", none), id("fim_pad", none), id("fim_rep", none), id("fim_sep", none)} {
		if v >= 0 {
			t.fileEnds = append(t.fileEnds, v)
		}
	}
	t.addBOS = flag("add_bos_token", addBOS)
	switch {
	case t.model == modelBert:
		t.last, t.addLast = t.sep, flag("add_sep_token", true)
	default:
		t.last, t.addLast = t.eos, flag("add_eos_token", addEOS)
	}
	return t, nil
}
