package testmodel

import (
	"os"
	"testing"
)

// TestPath: what it gives is a GGUF file.
func TestPath(t *testing.T) {
	for _, name := range []string{"smollm2:135m", "gemma3:270m"} {
		f, err := os.Open(Path(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var magic [4]byte
		if _, err := f.Read(magic[:]); err != nil || string(magic[:]) != "GGUF" {
			t.Errorf("%s begins with %q, %v", name, magic, err)
		}
	}
}
