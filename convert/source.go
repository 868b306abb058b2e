package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/safetensors"
)

// Errors of this package; test with errors.Is.
var (
	ErrDirectory = errors.New("not a usable model directory")
	ErrTensors   = errors.New("tensors do not fit the architecture")
)

// maxText is the most that a JSON or text file of a model directory may hold. The largest tokenizer.json have 35 MB.
const maxText = 256 << 20

// readText reads a small file of the directory; a missing one gives fs.ErrNotExist.
func readText(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxText {
		return nil, fmt.Errorf("%w: %s is no regular file of at most %d bytes", ErrDirectory, name, maxText)
	}
	return os.ReadFile(path)
}

// weights are the tensors of a directory, of one file or of many.
type weights struct {
	files  []*mmap.File
	byName map[string]*safetensors.Tensor
}

// openWeights maps and parses the safetensors files of dir.
func openWeights(dir string) (_ *weights, err error) {
	w := &weights{byName: map[string]*safetensors.Tensor{}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	names, index, err := weightFiles(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := w.open(dir, name, index); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	var missing []string
	for _, t := range sortedKeys(index) {
		if w.byName[t] == nil {
			missing = append(missing, t)
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("%w: model.safetensors.index.json lists tensors that its files do not hold: %s", ErrDirectory, listed(missing))
	}
	return w, nil
}

// weightFiles returns the names of the weights' files and, if there is an index, the file of each tensor.
func weightFiles(dir string) (names []string, index map[string]string, err error) {
	data, err := readText(dir, "model.safetensors.index.json")
	if err == nil {
		var x struct {
			Map map[string]string `json:"weight_map"`
		}
		if err := json.Unmarshal(data, &x); err != nil {
			return nil, nil, fmt.Errorf("%w: model.safetensors.index.json: %w", ErrDirectory, err)
		}
		for _, name := range x.Map {
			// A name from a file must not lead out of the directory.
			if filepath.Base(name) != name || !strings.HasSuffix(name, ".safetensors") {
				return nil, nil, fmt.Errorf("%w: model.safetensors.index.json: weight_map: bad file name %.80q", ErrDirectory, name)
			}
			names = append(names, name)
		}
		slices.Sort(names)
		if names = slices.Compact(names); names == nil {
			return nil, nil, fmt.Errorf("%w: model.safetensors.index.json: weight_map: empty", ErrDirectory)
		}
		return names, x.Map, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "model.safetensors")); err == nil {
		return []string{"model.safetensors"}, nil, nil
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil || len(found) == 0 {
		hint := ""
		if old, _ := filepath.Glob(filepath.Join(dir, "*.bin")); len(old) > 0 {
			hint = " (pytorch_model.bin files are not read: they are programs as much as data)"
		}
		return nil, nil, fmt.Errorf("%w: no model.safetensors%s", ErrDirectory, hint)
	}
	if len(found) > 1 {
		return nil, nil, fmt.Errorf("%w: %d safetensors files, but no model.safetensors.index.json", ErrDirectory, len(found))
	}
	return []string{filepath.Base(found[0])}, nil, nil
}

func (w *weights) open(dir, name string, index map[string]string) error {
	m, err := mmap.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	w.files = append(w.files, m)
	m.Advise(mmap.Sequential, 0, len(m.Bytes())) // reading still works where this does not
	var f *safetensors.File
	err = par.Guard(func() (err error) {
		f, err = safetensors.Parse(m.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if in, ok := index[t.Name]; index != nil && (!ok || in != name) {
			return fmt.Errorf("%w: holds tensor %.80q against the index", ErrDirectory, t.Name)
		}
		if w.byName[t.Name] != nil {
			return fmt.Errorf("%w: tensor %.80q is in two files", ErrDirectory, t.Name)
		}
		w.byName[t.Name] = t
	}
	return nil
}

func (w *weights) close() {
	for _, f := range w.files {
		f.Close()
	}
}

// changed says what happened to the files after a memory fault.
func (w *weights) changed(err error) error {
	for _, f := range w.files {
		if e := f.Check(); e != nil {
			return fmt.Errorf("%w: %s: %w", err, filepath.Base(f.Path()), e)
		}
	}
	return err
}
