package gguf

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
)

var splitName = regexp.MustCompile(`(?s)^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// SplitPaths returns the paths of all parts of a split model, first part first, given the path of any of them
// ("model-00002-of-00003.gguf"). Any other path is returned alone. It looks only at the name.
func SplitPaths(path string) ([]string, error) {
	m := splitName.FindStringSubmatch(path)
	if m == nil {
		return []string{path}, nil
	}
	no, _ := strconv.Atoi(m[2])
	count, _ := strconv.Atoi(m[3])
	if no < 1 || no > count {
		return nil, fmt.Errorf("gguf: %s: %w: part %d of %d", path, ErrSplit, no, count)
	}
	paths := make([]string, count)
	for i := range paths {
		paths[i] = SplitPath(m[1], i, count)
	}
	return paths, nil
}

// SplitPath returns the name of part i, counted from 0, of a model split into count parts.
func SplitPath(prefix string, i, count int) string {
	return fmt.Sprintf("%s-%05d-of-%05d.gguf", prefix, i+1, count)
}

// The keys that the parts of a split model carry.
const (
	splitNo      = "split.no"
	splitCount   = "split.count"
	splitTensors = "split.tensors.count"
)

// Join returns the file that the parts of a split model make together: the metadata of the first and the tensors of
// all. Keys that a later part repeats must have the same value there. A single whole file is returned as it is. Errors wrap
// ErrFormat and ErrSplit or ErrDuplicate.
func Join(parts []*File) (*File, error) {
	fail := func(i int, format string, args ...any) (*File, error) {
		return nil, fmt.Errorf("gguf: part %d of %d: %w: %w", i+1, len(parts), ErrFormat, fmt.Errorf(format, args...))
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("gguf: %w: %w: no parts", ErrFormat, ErrSplit)
	}
	total := 0
	for i, p := range parts {
		total += len(p.Tensors)
		count, err := p.Meta.UintOr(splitCount, 1)
		if err != nil {
			return fail(i, "%w: %w", ErrSplit, err)
		}
		no, err := p.Meta.UintOr(splitNo, uint64(i))
		if err != nil {
			return fail(i, "%w: %w", ErrSplit, err)
		}
		switch {
		case max(count, 1) != uint64(len(parts)):
			return fail(i, "%w: %s is %d, but %d parts are given", ErrSplit, splitCount, count, len(parts))
		case no != uint64(i):
			return fail(i, "%w: %s is %d", ErrSplit, splitNo, no)
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	f := &File{Version: parts[0].Version, Alignment: parts[0].Alignment, Meta: parts[0].Meta,
		Tensors: make([]Tensor, 0, total), names: make(map[string]int32, total)}
	for i, p := range parts {
		want, err := p.Meta.UintOr(splitTensors, uint64(total))
		if err != nil {
			return fail(i, "%w: %w", ErrSplit, err)
		}
		if want != uint64(total) {
			return fail(i, "%w: %s is %d, the parts hold %d", ErrSplit, splitTensors, want, total)
		}
		if key, ok := p.Meta.differs(parts[0].Meta); ok {
			return fail(i, "%w: %s differs from part 1: parts of two models?", ErrSplit, key)
		}
		for _, t := range p.Tensors {
			if _, ok := f.names[t.Name]; ok {
				return fail(i, "tensor %q: %w", t.Name, ErrDuplicate)
			}
			f.names[t.Name] = int32(len(f.Tensors))
			f.Tensors = append(f.Tensors, t)
		}
	}
	return f, nil
}

// differs finds a key that both files have with different values and that is not the part's own business.
func (m *Meta) differs(from *Meta) (key string, ok bool) {
	for i := range m.pairs {
		p := &m.pairs[i]
		if p.key == splitNo || p.key == alignmentKey {
			continue
		}
		q := from.find(p.key)
		if q != nil && (p.kind != q.kind || p.elem != q.elem || !bytes.Equal(p.raw, q.raw)) {
			return p.key, true
		}
	}
	return "", false
}
