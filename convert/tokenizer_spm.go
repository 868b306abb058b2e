package convert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sentencePiece is a tokenizer.model: a protocol buffer of which a few fields matter.
type sentencePiece struct {
	pieces   []spmPiece
	unigram  bool
	prefix   bool // add_dummy_prefix
	trim     bool // remove_extra_whitespaces
	charsmap []byte
}

type spmPiece struct {
	text  string
	score float32
	kind  int32 // GGUF's numbers are SentencePiece's
}

// errProto is what a file that is no protocol buffer of the right kind gives.
var errProto = errors.New("not a SentencePiece model")

// field is one field of a protocol buffer message.
type field struct {
	number int
	wire   int    // 0: varint, 1: 64 bits, 2: bytes, 5: 32 bits
	num    uint64 // of varint and fixed
	bytes  []byte // aliases the message
}

// fields walks over a message. Lengths are compared with what remains; nothing is allocated.
func fields(msg []byte, visit func(f field) error) error {
	for len(msg) > 0 {
		key, n := binary.Uvarint(msg)
		if n <= 0 || key>>3 == 0 || key>>3 >= 1<<29 {
			return fmt.Errorf("%w: bad field key", errProto)
		}
		msg = msg[n:]
		f := field{number: int(key >> 3), wire: int(key & 7)}
		size := 0
		switch f.wire {
		case 0:
			if f.num, size = binary.Uvarint(msg); size <= 0 {
				return fmt.Errorf("%w: bad number in field %d", errProto, f.number)
			}
		case 1:
			if size = 8; len(msg) >= size {
				f.num = binary.LittleEndian.Uint64(msg)
			}
		case 2:
			length, n := binary.Uvarint(msg)
			if n <= 0 || length > uint64(len(msg)-n) {
				return fmt.Errorf("%w: field %d is longer than the message", errProto, f.number)
			}
			msg = msg[n:]
			size = int(length)
			f.bytes = msg[:size:size]
		case 5:
			if size = 4; len(msg) >= size {
				f.num = uint64(binary.LittleEndian.Uint32(msg))
			}
		default:
			return fmt.Errorf("%w: wire type %d in field %d", errProto, f.wire, f.number)
		}
		if size > len(msg) {
			return fmt.Errorf("%w: field %d is longer than the message", errProto, f.number)
		}
		msg = msg[size:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// parseSentencePiece reads a ModelProto: pieces = 1, trainer_spec = 2, normalizer_spec = 3.
func parseSentencePiece(data []byte) (*sentencePiece, error) {
	m := &sentencePiece{unigram: true, prefix: true, trim: true} // the fields' defaults
	model := uint64(1)
	err := fields(data, func(f field) error {
		if f.wire != 2 {
			return nil
		}
		switch f.number {
		case 1:
			return m.piece(f.bytes)
		case 2:
			return fields(f.bytes, func(f field) error {
				if f.number == 3 && f.wire == 0 {
					model = f.num
				}
				return nil
			})
		case 3:
			return fields(f.bytes, func(f field) error {
				switch {
				case f.number == 2 && f.wire == 2:
					m.charsmap = f.bytes
				case f.number == 3 && f.wire == 0:
					m.prefix = f.num != 0
				case f.number == 4 && f.wire == 0:
					m.trim = f.num != 0
				}
				return nil
			})
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(m.pieces) == 0:
		return nil, fmt.Errorf("%w: no pieces", errProto)
	case model != 1 && model != 2:
		return nil, fmt.Errorf("%w: model type %d is neither unigram nor BPE", errProto, model)
	}
	m.unigram = model == 1
	return m, nil
}

// piece reads a SentencePiece: piece = 1, score = 2, type = 3.
func (m *sentencePiece) piece(msg []byte) error {
	p := spmPiece{kind: tokenNormal}
	err := fields(msg, func(f field) error {
		switch {
		case f.number == 1 && f.wire == 2:
			p.text = string(f.bytes)
		case f.number == 2 && f.wire == 5:
			p.score = math.Float32frombits(uint32(f.num))
		case f.number == 3 && f.wire == 0:
			p.kind = int32(min(f.num, 99))
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case p.kind < tokenNormal || p.kind > tokenByte:
		return fmt.Errorf("%w: piece %d has type %d", errProto, len(m.pieces), p.kind)
	case !utf8.ValidString(p.text) || p.score != p.score:
		return fmt.Errorf("%w: piece %d is no text or has no score", errProto, len(m.pieces))
	case len(m.pieces) == maxVocab:
		return fmt.Errorf("%w: more than %d pieces", errProto, maxVocab)
	}
	m.pieces = append(m.pieces, p)
	return nil
}

// fromSentencePiece makes the vocabulary of tokenizer.model and the tokens that the other files add.
func (t *tokenizerFiles) fromSentencePiece(size int, r *Result) (*vocabulary, error) {
	m := t.spm
	added, err := t.addedTokens()
	if err != nil {
		return nil, err
	}
	if size == 0 {
		size = len(m.pieces)
		for _, a := range added {
			size = max(size, a.ID+1)
		}
	}
	tab := newTable(size)
	for id, p := range m.pieces {
		text := p.text
		if p.kind == tokenUser { // matched in the text itself, before spaces become ▁
			text = strings.ReplaceAll(text, "▁", " ")
		}
		tab.put(id, text, p.kind, p.score)
	}
	for _, a := range added {
		if a.Special || looksSpecial(a.Content) {
			tab.put(a.ID, a.Content, tokenControl, -1000)
		} else {
			tab.put(a.ID, strings.ReplaceAll(a.Content, "▁", " "), tokenUser, -1000)
		}
	}
	tab.warn(r)
	v := &vocabulary{model: "llama", pre: "default", tokens: tab.tokens, types: tab.types, scores: tab.scores}
	if m.unigram {
		v.model = "t5"
	}
	t.spaces(v, m.prefix, m.trim)
	if m.unigram && len(m.charsmap) > 0 {
		v.add(tokenizerKeys+"precompiled_charsmap", m.charsmap)
	}
	return v, nil
}

// addedTokens lists the tokens that were added to a SentencePiece model, of the first file that has a list.
func (t *tokenizerFiles) addedTokens() ([]addedToken, error) {
	var out []addedToken
	add := func(file, key string, id int, err error, content string, special bool) error {
		if err != nil || id < 0 || id >= maxVocab {
			return fmt.Errorf("%w: %s: id of %.40q", ErrTokenizer, file, key)
		}
		out = append(out, addedToken{id, content, special})
		return nil
	}
	if list, ok := t.config["added_tokens_decoder"].(map[string]any); ok {
		for _, key := range sortedKeys(list) {
			o, _ := list[key].(map[string]any)
			content, _ := o["content"].(string)
			special, _ := flag(o, "special")
			id, err := strconv.Atoi(key)
			if err := add("tokenizer_config.json", key, id, err, content, special); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if t.json != nil {
		return t.json.Added, nil
	}
	for _, content := range sortedKeys(t.added) {
		id, ok := t.added[content].(float64)
		if !ok {
			id = -1
		}
		if err := add("added_tokens.json", content, int(id), nil, content, false); err != nil {
			return nil, err
		}
	}
	return out, nil
}
