package convert

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// tokenizerJSON is the part of a tokenizer.json that matters here.
type tokenizerJSON struct {
	Added      []addedToken `json:"added_tokens"`
	Normalizer *component   `json:"normalizer"`
	Pre        *component   `json:"pre_tokenizer"`
	Post       *component   `json:"post_processor"`
	Decoder    *component   `json:"decoder"`
	Model      struct {
		Type         string          `json:"type"`
		Vocab        json.RawMessage `json:"vocab"`
		Merges       json.RawMessage `json:"merges"`
		ByteFallback bool            `json:"byte_fallback"`
		IgnoreMerges bool            `json:"ignore_merges"`
		UnkToken     *string         `json:"unk_token"`
		UnkID        *int            `json:"unk_id"`
	} `json:"model"`

	vocab  map[string]int // of all but Unigram
	scores []float32      // of Unigram
	pieces []string       // of Unigram
}

type addedToken struct {
	ID      int    `json:"id"`
	Content string `json:"content"`
	Special bool   `json:"special"`
}

// component is a normalizer, pre-tokenizer, post-processor or decoder: the union of their fields.
type component struct {
	Type          string      `json:"type"`
	Normalizers   []component `json:"normalizers"`
	Pretokenizers []component `json:"pretokenizers"`
	Processors    []component `json:"processors"`
	Decoders      []component `json:"decoders"`

	Pattern struct {
		String, Regex *string
	} `json:"pattern"`
	Content          string         `json:"content"`
	Prepend          string         `json:"prepend"`
	Behavior         string         `json:"behavior"`
	Invert           bool           `json:"invert"`
	UseRegex         *bool          `json:"use_regex"`
	AddPrefixSpace   *bool          `json:"add_prefix_space"`
	PrependScheme    string         `json:"prepend_scheme"`
	IndividualDigits bool           `json:"individual_digits"`
	Lowercase        *bool          `json:"lowercase"`
	StripAccents     *bool          `json:"strip_accents"`
	StripLeft        bool           `json:"strip_left"`
	StripRight       bool           `json:"strip_right"`
	Charsmap         string         `json:"precompiled_charsmap"`
	Single           []templateItem `json:"single"`
	Cls              []any          `json:"cls"`
	Sep              []any          `json:"sep"`
}

// templateItem is one step of a post-processor's template.
type templateItem struct {
	SpecialToken *struct{ ID string }
}

// steps flattens sequences.
func (c *component) steps() []component {
	if c == nil {
		return nil
	}
	if c.Type != "Sequence" {
		return []component{*c}
	}
	var out []component
	for _, list := range [][]component{c.Normalizers, c.Pretokenizers, c.Processors, c.Decoders} {
		for i := range list {
			out = append(out, list[i].steps()...)
		}
	}
	return out
}

func (c *component) find(kind string) *component {
	for _, s := range c.steps() {
		if s.Type == kind {
			return &s
		}
	}
	return nil
}

func parseTokenizerJSON(data []byte) (*tokenizerJSON, error) {
	t := &tokenizerJSON{}
	if err := json.Unmarshal(data, t); err != nil {
		return nil, err
	}
	for i, a := range t.Added {
		if a.ID < 0 || a.ID >= maxVocab {
			return nil, fmt.Errorf("added_tokens[%d]: id %d", i, a.ID)
		}
	}
	if t.kind() == "Unigram" {
		var list [][]any
		if err := json.Unmarshal(t.Model.Vocab, &list); err != nil {
			return nil, fmt.Errorf("model.vocab: %w", err)
		}
		for i, e := range list {
			if len(e) != 2 {
				return nil, fmt.Errorf("model.vocab[%d]: want a piece and its score", i)
			}
			piece, ok := e[0].(string)
			score, ok2 := e[1].(float64)
			if !ok || !ok2 {
				return nil, fmt.Errorf("model.vocab[%d]: want a piece and its score", i)
			}
			t.pieces, t.scores = append(t.pieces, piece), append(t.scores, float32(score))
		}
		if len(list) > maxVocab {
			return nil, fmt.Errorf("model.vocab: %d entries", len(list))
		}
		return t, nil
	}
	if err := json.Unmarshal(t.Model.Vocab, &t.vocab); err != nil {
		return nil, fmt.Errorf("model.vocab: %w", err)
	}
	for piece, id := range t.vocab {
		if id < 0 || id >= maxVocab {
			return nil, fmt.Errorf("model.vocab: %.40q has id %d", piece, id)
		}
	}
	return t, nil
}

// kind is the model's type, which old files leave out.
func (t *tokenizerJSON) kind() string {
	if t.Model.Type != "" || len(t.Model.Vocab) == 0 {
		return t.Model.Type
	}
	switch {
	case t.Model.Vocab[0] == '[':
		return "Unigram"
	case t.Model.Merges != nil:
		return "BPE"
	}
	return "WordPiece"
}

// byteLevel reports whether the pieces are written in letters that stand for bytes.
func (t *tokenizerJSON) byteLevel() bool {
	return t.Pre.find("ByteLevel") != nil || t.Decoder.find("ByteLevel") != nil
}

// table lays pieces out by id.
type table struct {
	tokens []string
	types  []int32
	scores []float32
	over   []int // ids beyond the model's vocabulary
}

// newTable makes a table of size entries that stand for nothing yet.
func newTable(size int) *table {
	t := &table{tokens: make([]string, size), types: make([]int32, size), scores: make([]float32, size)}
	for i := range t.types {
		t.tokens[i] = fmt.Sprintf("[PAD%d]", i)
		t.types[i], t.scores[i] = tokenUnused, -10000
	}
	return t
}

func (t *table) put(id int, token string, kind int32, score float32) {
	if id >= len(t.tokens) {
		t.over = append(t.over, id)
		return
	}
	t.tokens[id], t.types[id], t.scores[id] = token, kind, score
}

// size returns how many ids there are: config.json's number, or as many as the files name.
func (t *tokenizerJSON) size(config int) int {
	if config > 0 {
		return config
	}
	n := len(t.pieces)
	for _, id := range t.vocab {
		n = max(n, id+1)
	}
	for _, a := range t.Added {
		n = max(n, a.ID+1)
	}
	return n
}

// fill lays out the vocabulary and the added tokens. score is that of a piece.
func (t *tokenizerJSON) fill(size int, kind func(piece string) int32, score func(piece string, id int) float32) (*table, error) {
	tab := newTable(t.size(size))
	seen := make(map[int]string, len(t.vocab))
	for piece, id := range t.vocab {
		if other, ok := seen[id]; ok {
			return nil, fmt.Errorf("%w: tokenizer.json: %.40q and %.40q have the same id %d", ErrTokenizer, piece, other, id)
		}
		seen[id] = piece
		tab.put(id, piece, kind(piece), score(piece, id))
	}
	for id, piece := range t.pieces {
		tab.put(id, piece, kind(piece), t.scores[id])
	}
	for _, a := range t.Added {
		// Control and user-defined tokens are matched in the text itself, before spaces become ▁.
		if a.Special || looksSpecial(a.Content) {
			tab.put(a.ID, a.Content, tokenControl, -1000)
		} else {
			tab.put(a.ID, strings.ReplaceAll(a.Content, "▁", " "), tokenUser, -1000)
		}
	}
	return tab, nil
}

func (t *table) warn(r *Result) {
	if len(t.over) > 0 {
		r.warn("%d tokens have ids beyond the model's vocabulary of %d and were left out", len(t.over), len(t.tokens))
	}
}

func normal(string) int32         { return tokenNormal }
func noScore(string, int) float32 { return 0 }
func isByte(piece string) bool {
	return len(piece) == 6 && strings.HasPrefix(piece, "<0x") && piece[5] == '>' &&
		strings.IndexByte("0123456789ABCDEFabcdef", piece[3]) >= 0 && strings.IndexByte("0123456789ABCDEFabcdef", piece[4]) >= 0
}

// mergeList returns the merges as pairs.
func (t *tokenizerJSON) mergeList() ([][2]string, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(t.Model.Merges, &raw); err != nil {
		return nil, fmt.Errorf("%w: tokenizer.json: model.merges: %w", ErrTokenizer, err)
	}
	if len(raw) > maxVocab {
		return nil, fmt.Errorf("%w: tokenizer.json: %d merges", ErrTokenizer, len(raw))
	}
	out := make([][2]string, len(raw))
	for i, m := range raw {
		var pair []string
		var text string
		if json.Unmarshal(m, &text) == nil {
			pair = strings.SplitN(text, " ", 2)
		} else if err := json.Unmarshal(m, &pair); err != nil {
			return nil, fmt.Errorf("%w: tokenizer.json: model.merges[%d]: %w", ErrTokenizer, i, err)
		}
		if len(pair) != 2 || pair[0] == "" || pair[1] == "" {
			return nil, fmt.Errorf("%w: tokenizer.json: model.merges[%d]: want two pieces", ErrTokenizer, i)
		}
		out[i] = [2]string{pair[0], pair[1]}
	}
	return out, nil
}

// byteLevel is GPT-2's kind of vocabulary.
func (t *tokenizerFiles) byteLevel(size int, pre string, r *Result) (*vocabulary, error) {
	j := t.json
	if pre == "" {
		var err error
		if pre, err = j.preName(); err != nil {
			return nil, err
		}
	}
	merges, err := j.mergeList()
	if err != nil {
		return nil, err
	}
	tab, err := j.fill(size, normal, noScore)
	if err != nil {
		return nil, err
	}
	tab.warn(r)
	v := &vocabulary{model: "gpt2", pre: pre, tokens: tab.tokens, types: tab.types, hasMerges: true}
	for _, m := range merges {
		// A space would end a piece in GGUF's form; byte-level pieces write it Ġ.
		v.merges = append(v.merges, strings.ReplaceAll(m[0], " ", "Ġ")+" "+strings.ReplaceAll(m[1], " ", "Ġ"))
	}
	return v, nil
}

// ranked is SentencePiece BPE that survives only as a merge list. SentencePiece joins the pair whose piece has the highest score, so
// pieces are scored by the first merge that makes them: 0, −1, −2 … as its trainer numbers them.
func (t *tokenizerFiles) ranked(size int, r *Result) (*vocabulary, error) {
	j := t.json
	merges, err := j.mergeList()
	if err != nil {
		return nil, err
	}
	rank := make(map[string]int, len(merges))
	for _, m := range merges {
		if piece := m[0] + m[1]; rank[piece] == 0 {
			rank[piece] = len(rank) + 1
		}
	}
	unk := ""
	if j.Model.UnkToken != nil {
		unk = *j.Model.UnkToken
	}
	kind := func(piece string) int32 {
		switch {
		case isByte(piece):
			return tokenByte
		case piece == unk:
			return tokenUnknown
		}
		return tokenNormal
	}
	// Single characters come from no merge. Their scores order nothing; they follow the others as a trainer has them.
	first := math.MaxInt
	for piece, id := range j.vocab {
		if kind(piece) == tokenNormal && rank[piece] > 0 {
			first = min(first, id)
		}
	}
	tab, err := j.fill(size, kind, func(piece string, id int) float32 {
		switch n := rank[piece]; {
		case kind(piece) != tokenNormal:
			return 0
		case n > 0:
			return -float32(n - 1)
		case id > first:
			return -float32(id - first)
		}
		return -float32(len(rank))
	})
	if err != nil {
		return nil, err
	}
	tab.warn(r)
	v := &vocabulary{model: "llama", pre: "default", tokens: tab.tokens, types: tab.types, scores: tab.scores}
	t.spaces(v, true, false)
	return v, nil
}

// spaces sets the keys about spaces of a SentencePiece vocabulary. prefix and trim are what the vocabulary's own file says, or its
// algorithm's defaults; tokenizer.json and tokenizer_config.json come first.
func (t *tokenizerFiles) spaces(v *vocabulary, prefix, trim bool) {
	if t.json != nil {
		prefix = t.json.prefix()
	}
	if on, ok := flag(t.config, "add_prefix_space"); ok {
		prefix = on
		v.add(tokenizerKeys+"add_space_prefix", prefix)
	} else if !prefix || v.model != "llama" {
		v.add(tokenizerKeys+"add_space_prefix", prefix)
	}
	if trim || v.model != "llama" {
		v.add(tokenizerKeys+"remove_extra_whitespaces", trim)
	}
}

// prefix reports whether a space goes before the text.
func (t *tokenizerJSON) prefix() bool {
	for _, s := range t.Normalizer.steps() {
		if s.Type == "Prepend" && s.Prepend == "▁" {
			return true
		}
	}
	for _, s := range t.Pre.steps() {
		if s.Type == "Metaspace" {
			return s.PrependScheme == "always" || s.PrependScheme == "first" ||
				s.PrependScheme == "" && (s.AddPrefixSpace == nil || *s.AddPrefixSpace)
		}
	}
	return false
}

// unigram is a SentencePiece unigram vocabulary.
func (t *tokenizerFiles) unigram(size int, r *Result) (*vocabulary, error) {
	j := t.json
	unk := ""
	if id := j.Model.UnkID; id != nil && *id >= 0 && *id < len(j.pieces) {
		unk = j.pieces[*id]
	}
	tab, err := j.fill(size, func(piece string) int32 {
		switch {
		case piece == unk:
			return tokenUnknown
		case j.Model.ByteFallback && isByte(piece):
			return tokenByte
		}
		return tokenNormal
	}, noScore)
	if err != nil {
		return nil, err
	}
	tab.warn(r)
	v := &vocabulary{model: "t5", pre: "default", tokens: tab.tokens, types: tab.types, scores: tab.scores}
	trim := false
	var charsmap []byte
	for _, s := range j.Normalizer.steps() {
		switch s.Type {
		case "Precompiled":
			if charsmap, err = base64.StdEncoding.DecodeString(s.Charsmap); err != nil {
				return nil, fmt.Errorf("%w: tokenizer.json: precompiled_charsmap: %w", ErrTokenizer, err)
			}
		case "Replace": // runs of spaces
			trim = trim || s.Pattern.Regex != nil && strings.HasPrefix(*s.Pattern.Regex, " {2,}")
		case "Strip":
			trim = true
		}
	}
	t.spaces(v, true, trim)
	if len(charsmap) > 0 {
		v.add(tokenizerKeys+"precompiled_charsmap", charsmap)
	}
	return v, nil
}

// wordPiece is BERT's kind of vocabulary. GGUF marks the pieces that begin a word; the files mark the others.
func (t *tokenizerFiles) wordPiece(size int, r *Result) (*vocabulary, error) {
	j := t.json
	tab, err := j.fill(size, normal, noScore)
	if err != nil {
		return nil, err
	}
	tab.warn(r)
	for i, s := range tab.tokens {
		switch rest, inner := strings.CutPrefix(s, "##"); {
		case tab.types[i] == tokenControl || tab.types[i] == tokenUnused:
		case inner:
			tab.tokens[i] = rest
		default:
			tab.tokens[i] = "▁" + s
		}
	}
	v := &vocabulary{model: "bert", pre: "default", tokens: tab.tokens, types: tab.types}
	for _, s := range j.Normalizer.steps() {
		lower, strip := s.Lowercase, s.StripAccents
		on := true
		switch s.Type {
		case "Lowercase":
			lower = &on
		case "StripAccents":
			strip = &on
		case "BertNormalizer":
		default:
			continue
		}
		if lower != nil {
			v.add(tokenizerKeys+"normalizer.lowercase", *lower)
		}
		if strip != nil {
			v.add(tokenizerKeys+"normalizer.strip_accents", *strip)
		}
	}
	return v, nil
}

// surround reads from the post-processor which special tokens surround a text, and the roles that nothing else names.
func (t *tokenizerJSON) surround(names map[string]string, adds map[string]bool) {
	name := func(role, token string) {
		if names[role] == "" {
			names[role] = token
		}
	}
	for _, p := range t.Post.steps() {
		switch p.Type {
		case "RobertaProcessing", "BertProcessing":
			adds["bos"], adds["eos"], adds["sep"] = true, true, true
			for role, pair := range map[string][]any{"cls": p.Cls, "sep": p.Sep} {
				if len(pair) > 0 {
					if s, ok := pair[0].(string); ok {
						name(role, s)
					}
				}
			}
		case "TemplateProcessing":
			if len(p.Single) < 2 {
				continue
			}
			if first := p.Single[0].SpecialToken; first != nil {
				name("bos", first.ID)
				adds["bos"] = first.ID == names["bos"] || first.ID == names["cls"]
			}
			if last := p.Single[len(p.Single)-1].SpecialToken; last != nil {
				name("eos", last.ID)
				adds["eos"] = last.ID == names["eos"]
				if last.ID == names["sep"] {
					adds["sep"] = true
				}
			}
		}
	}
}

// warnings names what GGUF has no key for.
func (t *tokenizerJSON) warnings(r *Result) {
	for _, s := range t.Normalizer.steps() {
		switch s.Type {
		case "NFC", "NFD", "NFKC", "NFKD":
			r.warn("tokenizer.json normalises text to %s, for which GGUF has no key: text in another form gets other ids", s.Type)
		}
	}
	if s := t.Pre.find("ByteLevel"); s != nil && s.AddPrefixSpace != nil && *s.AddPrefixSpace {
		r.warn("tokenizer.json puts a space before the text, for which GGUF has no key in a byte-level vocabulary")
	}
}
