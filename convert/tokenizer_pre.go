package convert

import (
	"fmt"
	"strings"
)

// Pieces of the pre-tokenizers' regular expressions. The families' tokenizer.json files spell them exactly so.
const (
	reShort = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	reTail  = `|\s*[\r\n]+|\s+(?!\S)|\s+`
	reWord  = `|[^\r\n\p{L}\p{N}]?\p{L}+|`
	rePunct = `| ?[^\s\p{L}\p{N}]+[\r\n]*`
	reUpper = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	reLower = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	reLead  = `[^\r\n\p{L}\p{N}]?`
	reHan   = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
	reAsian = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
	reGPT2  = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
)

// reCased is the GPT-4o splitter and its relatives: words end where lower case meets upper case.
func reCased(digits, suffix string) string {
	return reLead + reUpper + `*` + reLower + `+` + suffix + `|` + reLead + reUpper + `+` + reLower + `*` + suffix + `|` + digits +
		`| ?[^\s\p{L}\p{N}]+[\r\n/]*` + reTail
}

// pres maps the steps of a pre-tokenizer, written by describe, to values of tokenizer.ggml.pre. The second name is for a
// model that takes a word which is a piece as it is, whatever the merges say (ignore_merges).
var pres = map[string]struct{ plain, whole string }{
	"gpt2":        {plain: "gpt-2"},
	"digit\ngpt2": {plain: "smollm"},
	reShort + reWord + `\p{N}{1,3}` + rePunct + reTail:                                         {plain: "dbrx", whole: "llama-bpe"},
	reShort + reWord + `\p{N}` + rePunct + reTail:                                              {plain: "qwen2"},
	reShort + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*` + reTail: {plain: "qwen35"},
	reShort + reWord + `\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+` + reTail:                              {plain: "seed-coder"},
	`\p{N}{1,3}` + "\n" + reShort + reWord + `\p{N}+` + rePunct + reTail:                       {whole: "minicpm5"},
	`[^\n]+|[\n]+` + "\n" + reShort + reWord + `\p{N}` + rePunct + reTail:                      {plain: "laguna"},
	reCased(`\p{N}{1,3}`, reShort+`?`):                                                         {plain: "gpt-4o"},
	reCased(`\p{N}`, ``):                                                                       {whole: "tekken"},
	` ?[^(\s|[.,!?…。，、।۔،])]+`:                                                                 {plain: "bloom"},
	"punctuation\ngpt2\nnumbers\n[0-9][0-9][0-9]":                                              {plain: "falcon"},
	"[\r\n]\n\\s?\\p{L}+\n\\s?\\p{P}+\n" + reAsian + "\n\\p{N}":                                {plain: "deepseek-coder"},
	"\\p{N}{1,3}\n" + reHan + "\n[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*" + reTail: {plain: "deepseek-v3"},
}

// sameRegex are other spellings of the same expression, and the one used here.
var sameRegex = strings.NewReplacer(
	`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`, reShort,
	`'(?i:[sdmt]|ll|ve|re)`, reShort,
	`(?i:'s|'t|'re|'ve|'m|'d|'ll)`, reShort,
)

// describe writes a step of a pre-tokenizer as text; "" for one that splits nothing, and what has no equal in GGUF as its type.
func (c *component) describe() string {
	switch c.Type {
	case "Split":
		text := ""
		switch {
		case c.Pattern.Regex != nil:
			text = sameRegex.Replace(*c.Pattern.Regex)
		case c.Pattern.String != nil:
			return "Split string " + *c.Pattern.String
		}
		// Removing what does not match leaves what matches: the same words, if the expression matches everything.
		if c.Behavior == "Isolated" || c.Behavior == "Removed" && c.Invert {
			return text
		}
		return "Split " + c.Behavior + " " + text
	case "Digits":
		if c.IndividualDigits {
			return "digit"
		}
		return "numbers"
	case "ByteLevel":
		if c.UseRegex == nil || *c.UseRegex {
			return "gpt2"
		}
		return ""
	case "Punctuation":
		if c.Behavior == "Contiguous" {
			return "punctuation"
		}
		return "Punctuation " + c.Behavior
	}
	return c.Type
}

// preName finds the value of tokenizer.ggml.pre by how the pre-tokenizer is built. An unknown one is refused: a wrong guess would give
// wrong ids silently.
func (t *tokenizerJSON) preName() (string, error) {
	var steps []string
	for _, s := range t.Pre.steps() {
		if text := s.describe(); text != "" {
			steps = append(steps, text)
		}
	}
	found := strings.Join(steps, "\n")
	if found == reGPT2 {
		found = "gpt2"
	}
	names, ok := pres[found]
	name := names.plain
	if t.Model.IgnoreMerges {
		name = names.whole
	}
	if !ok || name == "" {
		more := ""
		if t.Model.IgnoreMerges {
			more = ", ignore_merges"
		}
		return "", fmt.Errorf("%w: tokenizer.json: pre_tokenizer is not known: %q%s; if it is that of a known family, name it (--pre)",
			ErrTokenizer, strings.Join(steps, " then "), more)
	}
	return name, nil
}
