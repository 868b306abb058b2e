package convert

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/godwit-ai/godwit/safetensors"
)

// TestBrokenDirectories: a directory whose weights are missing or damaged is an error.
func TestBrokenDirectories(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(dir string) error
		want   error
	}{
		"no weights":        {func(dir string) error { return os.Remove(filepath.Join(dir, "model.safetensors")) }, ErrDirectory},
		"truncated weights": {func(dir string) error { return os.Truncate(filepath.Join(dir, "model.safetensors"), 100) }, safetensors.ErrFormat},
		"empty weights":     {func(dir string) error { return os.Truncate(filepath.Join(dir, "model.safetensors"), 0) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("../testdata/arch/llama")); err != nil {
				t.Fatal(err)
			}
			if err := c.damage(dir); err != nil {
				t.Fatal(err)
			}
			_, err := Directory(context.Background(), dir, filepath.Join(t.TempDir(), "m.gguf"), Options{})
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("err = %v, want %v", err, c.want)
			}
		})
	}
}
