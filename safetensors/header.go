package safetensors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
)

// header reads the JSON header token by token: encoding/json would accept duplicate names and any depth.
type header struct {
	d    *json.Decoder
	seen map[string]bool
}

func newHeader(data []byte) *header {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return &header{d: d, seen: map[string]bool{}}
}

// next returns the next token: a json.Delim, string, json.Number, bool or nil.
func (h *header) next() (json.Token, error) {
	t, err := h.d.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("%w: byte %d: %w", ErrHeader, h.d.InputOffset(), err)
	}
	return t, nil
}

// delim takes one of { } [ ].
func (h *header) delim(want json.Delim) error {
	t, err := h.next()
	if err == nil && t != want {
		err = h.unexpected(t, want.String())
	}
	return err
}

func (h *header) unexpected(have json.Token, want string) error {
	return fmt.Errorf("%w: byte %d: %.40q instead of %s", ErrHeader, h.d.InputOffset(), fmt.Sprint(have), want)
}

// text takes a string.
func (h *header) text() (string, error) {
	t, err := h.next()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", h.unexpected(t, "a string")
	}
	return s, nil
}

// file reads the whole header.
func (h *header) file(f *File) error {
	if err := h.delim('{'); err != nil {
		return err
	}
	for h.d.More() {
		name, err := h.text()
		switch {
		case err != nil:
			return err
		case len(name) > MaxName:
			return fmt.Errorf("%w: a name of %d bytes", ErrLimit, len(name))
		case h.seen[name]:
			return fmt.Errorf("%w: %.80q", ErrDuplicate, name)
		case len(f.Tensors) == MaxTensors:
			return fmt.Errorf("%w: more than %d tensors", ErrLimit, MaxTensors)
		}
		h.seen[name] = true
		if name == "__metadata__" {
			if f.Metadata, err = h.metadata(); err != nil {
				return err
			}
			continue
		}
		t := Tensor{Name: name}
		s, err := h.tensor(&t)
		if err == nil {
			err = t.check(s)
		}
		if err != nil {
			return fmt.Errorf("tensor %.80q: %w", name, err)
		}
		f.Tensors = append(f.Tensors, t)
	}
	if err := h.delim('}'); err != nil {
		return err
	}
	// Writers pad the header with spaces.
	if t, err := h.d.Token(); err != io.EOF {
		return fmt.Errorf("%w: byte %d: %.40q after the end", ErrHeader, h.d.InputOffset(), fmt.Sprint(t))
	}
	return nil
}

// metadata reads an object of strings.
func (h *header) metadata() (map[string]string, error) {
	if err := h.delim('{'); err != nil {
		return nil, err
	}
	m := map[string]string{}
	for h.d.More() {
		key, err := h.text()
		if err != nil {
			return nil, err
		}
		if _, ok := m[key]; ok {
			return nil, fmt.Errorf("%w: %.80q in __metadata__", ErrDuplicate, key)
		}
		if m[key], err = h.text(); err != nil {
			return nil, err
		}
	}
	return m, h.delim('}')
}

// tensor reads {"dtype": …, "shape": […], "data_offsets": [from, to]}.
func (h *header) tensor(t *Tensor) (s span, err error) {
	if err := h.delim('{'); err != nil {
		return s, err
	}
	var dtype, shape, offsets bool
	for h.d.More() {
		key, err := h.text()
		if err != nil {
			return s, err
		}
		switch {
		case key == "dtype" && !dtype:
			dtype = true
			var text string
			text, err = h.text()
			t.DType = DType(text)
		case key == "shape" && !shape:
			shape = true
			var dims []uint64
			dims, err = h.numbers(MaxDims)
			for _, d := range dims {
				if d > math.MaxInt {
					return s, fmt.Errorf("%w: dimension %d", ErrShape, d)
				}
				t.Shape = append(t.Shape, int(d))
			}
		case key == "data_offsets" && !offsets:
			offsets = true
			var pair []uint64
			if pair, err = h.numbers(2); err == nil && len(pair) != 2 {
				err = fmt.Errorf("%w: %d numbers", ErrOffsets, len(pair))
			}
			if err == nil {
				s = span{pair[0], pair[1]}
			}
		case key == "dtype" || key == "shape" || key == "data_offsets":
			err = fmt.Errorf("%w: %s", ErrDuplicate, key)
		default:
			err = fmt.Errorf("%w: unknown field %.40q", ErrHeader, key)
		}
		if err != nil {
			return s, err
		}
	}
	if !dtype || !shape || !offsets {
		return s, fmt.Errorf("%w: dtype, shape and data_offsets are needed", ErrHeader)
	}
	return s, h.delim('}')
}

// numbers reads an array of at most limit whole numbers.
func (h *header) numbers(limit int) ([]uint64, error) {
	if err := h.delim('['); err != nil {
		return nil, err
	}
	var out []uint64
	for h.d.More() {
		t, err := h.next()
		if err != nil {
			return nil, err
		}
		n, ok := t.(json.Number)
		if !ok {
			return nil, h.unexpected(t, "a number")
		}
		v, err := strconv.ParseUint(n.String(), 10, 64)
		if err != nil {
			return nil, h.unexpected(t, "a whole number of 64 bits")
		}
		if len(out) == limit {
			return nil, fmt.Errorf("%w: more than %d numbers", ErrLimit, limit)
		}
		out = append(out, v)
	}
	return out, h.delim(']')
}
