package gguf_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
)

// reading is what testdata/read.py says a file holds. Numbers stand as text, strings in hexadecimal.
type reading struct {
	Alignment string
	Keys      []struct {
		Key, Kind, Elem string
		Value           any
	}
	Tensors []struct {
		Name, Type, SHA256 string
		Dims               []string
	}
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// shown turns a value into the form of read.json, where a float may be written in several ways.
func shown(t *testing.T, kind string, v any) string {
	t.Helper()
	if kind != "float32" && kind != "float64" {
		return fmt.Sprint(v)
	}
	f, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(f)
}

// get reads a value in the form of read.json.
func get(m *gguf.Meta, key, kind string) (any, error) {
	switch kind {
	case "string":
		s, err := m.String(key)
		return hex.EncodeToString([]byte(s)), err
	case "bool":
		return m.Bool(key)
	case "float32", "float64":
		return m.Float(key)
	case "uint64":
		return m.Uint(key)
	}
	return m.Int(key)
}

func getArray(m *gguf.Meta, key, elem string) (v []any, err error) {
	switch elem {
	case "string":
		a, err := m.Strings(key)
		for i := range a.Len() {
			v = append(v, hex.EncodeToString(a.At(i)))
		}
		return v, err
	case "float32", "float64":
		a, err := m.Floats(key)
		for i := range a.Len() {
			v = append(v, a.At(i))
		}
		return v, err
	}
	a, err := m.Ints(key)
	for i := range a.Len() {
		if elem == "bool" {
			v = append(v, a.At(i) != 0)
		} else {
			v = append(v, a.At(i))
		}
	}
	return v, err
}

// TestReadIndependent compares with what the gguf package wrote and reads: every kind of value, many tensor types, an alignment of
// its own, and the parts of a split model.
func TestReadIndependent(t *testing.T) {
	var want map[string]reading
	if err := json.Unmarshal(fixture(t, "read.json"), &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != 4 || len(want["read.gguf"].Keys) < 25 || len(want["read.gguf"].Tensors) < 16 {
		t.Fatal("read.json is not what read.py writes")
	}
	want["read-v2.gguf"] = want["read.gguf"]
	for name, w := range want {
		f := accept(t, fixture(t, name))
		use(f)
		if strconv.Itoa(f.Alignment) != w.Alignment {
			t.Errorf("%s: alignment %d, want %s", name, f.Alignment, w.Alignment)
		}
		var keys []string
		for _, k := range w.Keys {
			keys = append(keys, k.Key)
			kind, _ := f.Meta.Kind(k.Key)
			if kind.String() != k.Kind {
				t.Errorf("%s: %s is a %v, want %s", name, k.Key, kind, k.Kind)
				continue
			}
			if k.Kind != "array" {
				got, err := get(f.Meta, k.Key, k.Kind)
				if g, w := shown(t, k.Kind, got), shown(t, k.Kind, k.Value); err != nil || g != w {
					t.Errorf("%s: %s = %s, %v, want %s", name, k.Key, g, err, w)
				}
				continue
			}
			values := k.Value.([]any)
			if elem, n, ok := f.Meta.Array(k.Key); !ok || elem.String() != k.Elem || n != len(values) {
				t.Errorf("%s: %s has %d × %v, want %d × %s", name, k.Key, n, elem, len(values), k.Elem)
			}
			got, err := getArray(f.Meta, k.Key, k.Elem)
			if err != nil || len(got) != len(values) {
				t.Errorf("%s: %s: %v, %v", name, k.Key, got, err)
				continue
			}
			for i := range got {
				if g, w := shown(t, k.Elem, got[i]), shown(t, k.Elem, values[i]); g != w {
					t.Errorf("%s: %s[%d] = %s, want %s", name, k.Key, i, g, w)
				}
			}
		}
		if got := slices.Collect(f.Meta.Keys()); !slices.Equal(got, keys) {
			t.Errorf("%s: keys %q, want %q", name, got, keys)
		}
		if len(f.Tensors) != len(w.Tensors) {
			t.Fatalf("%s: %d tensors, want %d", name, len(f.Tensors), len(w.Tensors))
		}
		for i, x := range f.Tensors {
			y := w.Tensors[i]
			var dims []string
			for _, d := range x.Dims {
				dims = append(dims, strconv.Itoa(d))
			}
			if sum := sha256.Sum256(x.Data); x.Name != y.Name || x.Type.String() != y.Type || !slices.Equal(dims, y.Dims) || hex.EncodeToString(sum[:]) != y.SHA256 {
				t.Errorf("%s: tensor %d is %s %v %v, want %s %s %v, or the data differs", name, i, x.Name, x.Type, x.Dims, y.Name, y.Type, y.Dims)
			}
		}
	}
}

// TestSplitIndependent joins what the gguf package split.
func TestSplitIndependent(t *testing.T) {
	paths, err := gguf.SplitPaths("read-00002-of-00003.gguf")
	if err != nil || len(paths) != 3 {
		t.Fatal(paths, err)
	}
	var files []*gguf.File
	for _, p := range paths {
		files = append(files, accept(t, fixture(t, p)))
	}
	f, err := gguf.Join(files)
	if err != nil {
		t.Fatal(err)
	}
	use(f)
	if s, err := f.Meta.String("general.name"); err != nil || s != "in parts" {
		t.Error(s, err)
	}
	for i := range 5 {
		x, ok := f.Tensor(fmt.Sprint("t", i))
		if !ok || fmt.Sprint(x.Dims) != fmt.Sprint([]int{8, i + 1}) {
			t.Fatalf("t%d: %+v", i, x)
		}
		m, err := x.Matrix()
		if err != nil {
			t.Fatal(err)
		}
		row := make([]float32, 8)
		m.DecodeRow(row, i)
		if row[7] != float32(i) {
			t.Errorf("t%d holds %v", i, row)
		}
	}
	for i := range files {
		if _, err := gguf.Join(slices.Delete(slices.Clone(files), i, i+1)); !errors.Is(err, gguf.ErrSplit) {
			t.Errorf("without part %d: %v", i+1, err)
		}
	}
}

func TestBigEndianIndependent(t *testing.T) {
	refuse(t, fixture(t, "read-big.gguf"), gguf.ErrBigEndian, "version")
}
