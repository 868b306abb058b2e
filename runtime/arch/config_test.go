package arch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/runtime/arch"
)

// TestHostileConfig spoils each value of each fixture's config.json: the import tables give an error of the configuration, or numbers that a
// file can hold.
func TestHostileConfig(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/arch/*/config.json")
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d fixtures, %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var config map[string]any
		if err := json.Unmarshal(data, &config); err != nil {
			t.Fatal(err)
		}
		spoil(config, func(what string) {
			edited, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			before := allocated()
			err = par.Guard(func() error { return imported(edited) })
			if n := allocated() - before; n > 8<<20 {
				t.Errorf("%s, %s: %d bytes allocated", path, what, n)
			}
			if err != nil && !errors.Is(err, arch.ErrConfig) {
				t.Errorf("%s, %s: %v", path, what, err)
			}
		})
	}
}

// spoil sets each value below m to each of some others for the time of a visit.
func spoil(m map[string]any, visit func(what string)) {
	for key, v := range m {
		for _, x := range []any{nil, 0, -1, 0.5, 1, 4096, 1e15, 1e300, "rotten", true, []any{}, []any{"x", 1}, map[string]any{}} {
			m[key] = x
			visit(fmt.Sprintf("%s = %v", key, x))
		}
		m[key] = v
		if sub, ok := v.(map[string]any); ok {
			spoil(sub, visit)
		}
	}
}

// imported makes the tables of a config.json whose directory holds one expert's tensors and everything else.
func imported(data []byte) error {
	cfg, err := arch.ParseConfig(data)
	if err != nil {
		return err
	}
	a, err := arch.LookupImport(cfg)
	if err != nil {
		return err
	}
	pairs, err := a.Import.Meta(cfg)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if f, ok := p.Value.(float32); ok && f-f != 0 {
			return fmt.Errorf("%s is %v", p.Key, f)
		}
	}
	maps, err := a.Import.Tensors(cfg, func(name string) bool { return strings.Count(name, "experts.5.") == strings.Count(name, "experts.") })
	if err != nil {
		return err
	}
	for _, m := range maps {
		for _, f := range m.Values {
			if !(f > 0 && f-f == 0) {
				return fmt.Errorf("%s holds %v", m.Name, f)
			}
		}
		for _, d := range m.Dims {
			if d < 1 {
				return fmt.Errorf("%s has dimensions %v", m.Name, m.Dims)
			}
		}
	}
	return nil
}
