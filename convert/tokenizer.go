package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/runtime/arch"
)

// ErrTokenizer is wrapped by errors about the tokenizer's files.
var ErrTokenizer = errors.New("unusable tokenizer")

// The types of tokens, with GGUF's numbers.
const (
	tokenNormal  int32 = 1
	tokenUnknown int32 = 2
	tokenControl int32 = 3
	tokenUser    int32 = 4
	tokenUnused  int32 = 5
	tokenByte    int32 = 6
)

// maxVocab bounds ids in files; the largest vocabularies have 262,144 entries.
const maxVocab = 1 << 24

// vocabulary is what the metadata say about a tokenizer.
type vocabulary struct {
	model, pre string
	tokens     []string
	types      []int32
	scores     []float32 // nil: none
	merges     []string
	hasMerges  bool
	extra      []arch.KV // further keys, in order
}

const tokenizerKeys = "tokenizer.ggml."

// addTokenizer reads the tokenizer of dir and sets its keys.
func addTokenizer(f *gguf.Writer, dir string, cfg arch.Config, pre string, r *Result) error {
	t, err := readTokenizer(dir)
	if err != nil {
		return err
	}
	if t.json == nil && t.spm == nil {
		if _, err := readText(dir, "vocab.json"); err == nil {
			r.warn("vocab.json does not tell how text is split; without tokenizer.json the file gets no tokenizer")
		} else {
			r.warn("no tokenizer.json and no tokenizer.model: the file gets no tokenizer and takes token ids only")
		}
		return nil
	}
	size, err := vocabSize(cfg)
	if err != nil {
		return err
	}
	v, err := t.vocabulary(size, pre, r)
	if err != nil {
		return err
	}
	if err := t.specials(v, cfg, r); err != nil {
		return err
	}
	t.template(v, r)
	return v.set(f)
}

// vocabSize returns config.json's vocab_size, 0 if it has none.
func vocabSize(cfg arch.Config) (int, error) {
	if !cfg.Has("vocab_size") {
		sub, err := cfg.Sub("text_config")
		if err != nil {
			return 0, err
		}
		cfg = sub
	}
	n, err := cfg.IntOr("vocab_size", 0)
	if err == nil && (n < 0 || n > maxVocab) {
		err = fmt.Errorf("%w: vocab_size: %d is not between 0 and %d", arch.ErrConfig, n, maxVocab)
	}
	return n, err
}

// set writes the keys in the order in which other converters do.
func (v *vocabulary) set(f *gguf.Writer) error {
	pairs := []arch.KV{{Key: tokenizerKeys + "model", Value: v.model}, {Key: tokenizerKeys + "pre", Value: v.pre},
		{Key: tokenizerKeys + "tokens", Value: v.tokens}}
	if v.scores != nil {
		pairs = append(pairs, arch.KV{Key: tokenizerKeys + "scores", Value: v.scores})
	}
	pairs = append(pairs, arch.KV{Key: tokenizerKeys + "token_type", Value: v.types})
	if v.hasMerges {
		pairs = append(pairs, arch.KV{Key: tokenizerKeys + "merges", Value: v.merges})
	}
	for _, kv := range append(pairs, v.extra...) {
		if err := f.Set(kv.Key, kv.Value); err != nil {
			return err
		}
	}
	return nil
}

func (v *vocabulary) add(key string, value any) {
	v.extra = append(v.extra, arch.KV{Key: key, Value: value})
}

// has reports whether a further key is set.
func (v *vocabulary) has(key string) bool {
	return slices.ContainsFunc(v.extra, func(kv arch.KV) bool { return kv.Key == key })
}

// tokenizerFiles are the files of a directory that describe its tokenizer.
type tokenizerFiles struct {
	json     *tokenizerJSON // tokenizer.json
	spm      *sentencePiece // tokenizer.model
	config   map[string]any // tokenizer_config.json
	special  map[string]any // special_tokens_map.json
	generate map[string]any // generation_config.json
	added    map[string]any // added_tokens.json
	jinja    string         // chat_template.jinja
	chat     map[string]any // chat_template.json
}

func readTokenizer(dir string) (*tokenizerFiles, error) {
	t := &tokenizerFiles{}
	var errs []error
	read := func(name string, use func([]byte) error) bool {
		data, err := readText(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			return false
		}
		if err == nil {
			err = use(data)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: %s: %w", ErrTokenizer, name, err))
		}
		return true
	}
	object := func(to *map[string]any) func([]byte) error {
		return func(data []byte) error { return json.Unmarshal(data, to) }
	}
	read("tokenizer.json", func(data []byte) (err error) { t.json, err = parseTokenizerJSON(data); return err })
	spm := func(data []byte) (err error) { t.spm, err = parseSentencePiece(data); return err }
	if !read("tokenizer.model", func(data []byte) error {
		// Mistral and Llama 3 ship other formats under this name beside their tokenizer.json.
		if err := spm(data); err != nil && t.json == nil {
			return err
		}
		return nil
	}) {
		read("spiece.model", spm)
	}
	read("tokenizer_config.json", object(&t.config))
	read("special_tokens_map.json", object(&t.special))
	read("generation_config.json", object(&t.generate))
	read("added_tokens.json", object(&t.added))
	read("chat_template.jinja", func(data []byte) error { t.jinja = string(data); return nil })
	read("chat_template.json", object(&t.chat))
	return t, errors.Join(errs...)
}

// vocabulary picks the algorithm by the files' structure. size is config.json's, 0 if unknown.
func (t *tokenizerFiles) vocabulary(size int, pre string, r *Result) (*vocabulary, error) {
	if t.json == nil {
		return t.fromSentencePiece(size, r)
	}
	j := t.json
	j.warnings(r)
	switch kind := j.kind(); {
	case kind == "BPE" && j.byteLevel():
		return t.byteLevel(size, pre, r)
	case kind == "BPE" && j.Model.ByteFallback:
		if t.spm != nil && !t.spm.unigram {
			return t.fromSentencePiece(size, r)
		}
		return t.ranked(size, r)
	case kind == "Unigram":
		if t.spm != nil && t.spm.unigram {
			return t.fromSentencePiece(size, r)
		}
		return t.unigram(size, r)
	case kind == "WordPiece":
		return t.wordPiece(size, r)
	case kind == "BPE":
		return nil, fmt.Errorf("%w: tokenizer.json: BPE that works neither on bytes nor falls back to them", ErrTokenizer)
	default:
		return nil, fmt.Errorf("%w: tokenizer.json: model type %q", ErrTokenizer, kind)
	}
}

// str returns a string in o, or the "content" of an object there.
func str(o map[string]any, key string) (string, bool) {
	switch v := o[key].(type) {
	case string:
		return v, true
	case map[string]any:
		s, ok := v["content"].(string)
		return s, ok
	}
	return "", false
}

// flag returns the truth value in o.
func flag(o map[string]any, key string) (value, ok bool) {
	value, ok = o[key].(bool)
	return value, ok
}

// ids returns the token ids in o: a number or a list of numbers.
func ids(o map[string]any, key string) (out []int) {
	list, ok := o[key].([]any)
	if !ok {
		list = []any{o[key]}
	}
	for _, v := range list {
		if f, ok := v.(float64); ok && f >= 0 && f < maxVocab && f == float64(int(f)) {
			out = append(out, int(f))
		}
	}
	return out
}

// looksSpecial tells of names that are control tokens even where the files do not say so.
func looksSpecial(s string) bool {
	return s == "<pad>" || s == "<mask>" || s == "<2mass>" || s == "[@BOS@]" ||
		strings.HasPrefix(s, "<|") && strings.HasSuffix(s, "|>") ||
		strings.HasPrefix(s, "<｜") && strings.HasSuffix(s, "｜>") ||
		strings.HasPrefix(s, "<unused") && strings.HasSuffix(s, ">")
}

// template sets the chat template: the one in tokenizer_config.json, else that of a file of its own.
func (t *tokenizerFiles) template(v *vocabulary, r *Result) {
	value := t.config["chat_template"]
	if value == nil && t.jinja != "" {
		value = t.jinja
	}
	if value == nil {
		value = t.chat["chat_template"]
	}
	const key = "tokenizer.chat_template"
	switch value := value.(type) {
	case nil:
	case string:
		v.add(key, value)
	case []any: // named ones
		var names []string
		for _, e := range value {
			o, _ := e.(map[string]any)
			name, ok := o["name"].(string)
			text, ok2 := o["template"].(string)
			switch {
			case !ok || !ok2 || v.has(key+"."+name):
				r.warn("a chat template without name or text, or with the name of another, was left out")
			case name == "default":
				v.add(key, text)
			default:
				names = append(names, name)
				v.add(key+"."+name, text)
			}
		}
		if names != nil {
			v.add("tokenizer.chat_templates", names)
		}
	default:
		r.warn("the chat template is no text and was left out")
	}
}
