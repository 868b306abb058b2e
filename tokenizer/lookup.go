package tokenizer

import (
	"bytes"
	"slices"
	"strings"
	"sync/atomic"
)

// lookup is what Encode needs beyond the file's own bytes. It is built at the first use, in a few milliseconds for the
// largest vocabularies, and is then immutable (cuts aside).
type lookup struct {
	t           *Tokenizer
	vocab       *vocabIndex
	merges      *mergeIndex // nil: not of this model
	bytes       [256]ID     // token of a raw byte, -1: none
	special     *lengths
	userDefined *lengths
	pieces      *lengths    // of the pieces that unigram and WordPiece choose among
	unkScore    float64     // of a character without a piece
	kinds       map[ID]Kind // where names tell more than the file
	eot         ID          // ends a turn, found by name
	ends        []ID        // tokens that end a generation
	stripLeft   []ID        // take the white space before them
	stripRight  []ID        // and after them
	cuts        atomic.Pointer[[256]bool]
}

// index returns the lookup, building it if this is the first use. It is not a sync.Once: building reads mapped memory, which
// may fault, and must then be tried anew.
func (t *Tokenizer) index() *lookup {
	if x := t.look.Load(); x != nil {
		return x
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := t.look.Load(); x != nil {
		return x
	}
	x := t.build()
	t.look.Store(x)
	return x
}

func (t *Tokenizer) build() *lookup {
	x := &lookup{t: t, vocab: newVocabIndex(t.tokens), eot: -1,
		special: newLengths(), userDefined: newLengths(), kinds: map[ID]Kind{}}
	if t.model == modelGPT2 {
		x.merges = newMergeIndex(t.merges)
	}
	x.findEnds()
	x.findStrips()
	needPieces := t.model == modelT5 || t.model == modelBert
	if needPieces {
		x.pieces = newLengths()
	}
	least := float32(0)
	for i := range t.tokens.Len() {
		k := t.fileKind(ID(i))
		if needPieces && (k == Normal || k == UserDefined || k == Unused) {
			x.pieces.add(t.tokens.At(i))
			if k == Normal {
				least = min(least, t.score(ID(i)))
			}
		}
		if k == Control || k == Unknown || k == UserDefined {
			x.addSpecial(ID(i), k)
		}
	}
	for id, k := range x.kinds {
		x.addSpecial(id, k)
	}
	x.unkScore = float64(least - unkPenalty)
	for b := range x.bytes {
		name := []byte("<0x00>")
		name[3], name[4] = "0123456789ABCDEF"[b>>4], "0123456789ABCDEF"[b&15]
		id := x.vocab.find(name)
		if id < 0 {
			id = x.vocab.find([]byte{byte(b)})
		}
		x.bytes[b] = id
	}
	return x
}

func (x *lookup) addSpecial(id ID, k Kind) {
	text := x.t.tokens.At(int(id))
	x.special.add(text)
	if k == UserDefined {
		x.userDefined.add(text)
	}
}

// kind is Kind for an id within the vocabulary.
func (x *lookup) kind(id ID) Kind {
	if len(x.kinds) > 0 {
		if k, ok := x.kinds[id]; ok {
			return k
		}
	}
	return x.t.fileKind(id)
}

// Files tell only some of the tokens that end a generation; the rest is known by name, as the programs do that wrote them.
var (
	turnEnds = []string{"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<EOT>",
		"_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>"}
	otherEnds = []string{"<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "</s>", "<|eom_id|>", "[EOS]", "<eos>", "<turn|>",
		"<|tool_response>", "[e~["}
	fillEnds = []string{"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
		"<REPO>", "<reponame>", "<|file_sep|>"} // the model asks for the next file
	fillNames = []string{"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
		"<|code_prefix|>", "<|prefix|>", "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>",
		"<|code_suffix|>", "<|suffix|>", "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>",
		"<|code_middle|>", "<|middle|>"}
	shownNames = []string{"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"} // part of the answer's text
)

func (x *lookup) findEnds() {
	t := x.t
	end := func(id ID) {
		if id >= 0 && !slices.Contains(x.ends, id) {
			x.ends = append(x.ends, id)
		}
	}
	named := func(names []string, do func(ID)) {
		for _, name := range names {
			if id := x.vocab.findString(name); id >= 0 {
				x.kinds[id] = Control
				if do != nil {
					do(id)
				}
			}
		}
	}
	for _, id := range t.fileEnds {
		end(id)
	}
	named(turnEnds, func(id ID) {
		if x.eot < 0 {
			x.eot = id
		}
		end(id)
	})
	named(otherEnds, end)
	named(fillEnds, end)
	named(fillNames, nil)
	for _, name := range shownNames {
		if id := x.vocab.findString(name); id >= 0 {
			x.kinds[id] = UserDefined
		}
	}
	has := func(name string) bool { id := x.vocab.findString(name); return id >= 0 && slices.Contains(x.ends, id) }
	drop := func(name string, k Kind) {
		if id := x.vocab.findString(name); id >= 0 {
			x.ends = slices.DeleteFunc(x.ends, func(e ID) bool { return e == id })
			x.kinds[id] = k
		}
	}
	// In these two formats a message ends with <|end|> and the answer goes on.
	if has("<|end|>") && (has("<|return|>") && (has("<|call|>") || has("<|calls|>")) ||
		(has("<|call|>") || has("<|calls|>")) && has("<|flush|>")) {
		drop("<|end|>", UserDefined)
	}
	if has("<|tool_response>") && has("</s>") {
		drop("</s>", Normal)
	}
}

// findStrips finds the added tokens that take white space around them. GGUF has no field for it: it is known of models.
func (x *lookup) findStrips() {
	t := x.t
	add := func(to *[]ID, name string) {
		if id := x.vocab.findString(name); id >= 0 {
			*to = append(*to, id)
		}
	}
	switch {
	case strings.HasPrefix(t.pre, "jina-v2-"), t.arch == "nomic-bert-moe", t.arch == "jina-bert-v3":
		add(&x.stripLeft, "<mask>")
	case strings.Contains(t.name, "phi-3"), strings.Contains(t.name, "phi3"):
		for i := range t.tokens.Len() {
			switch x.kind(ID(i)) {
			case Control, UserDefined, Unknown:
				switch string(t.tokens.At(i)) {
				case "<unk>", "<s>", "<|endoftext|>":
				default:
					x.stripRight = append(x.stripRight, ID(i))
				}
			}
		}
		add(&x.stripRight, "</s>")
	case strings.Contains(t.name, "modern-bert"):
		add(&x.stripLeft, "[MASK]")
	}
}

// byteOf returns the byte that a token of kind Byte stands for.
func byteOf(text []byte) (byte, bool) {
	if len(text) != 6 || !bytes.HasPrefix(text, []byte("<0x")) || text[5] != '>' {
		return 0, false
	}
	hi, ok1 := hexDigit(text[3])
	lo, ok2 := hexDigit(text[4])
	return hi<<4 | lo, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
