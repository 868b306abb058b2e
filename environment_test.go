package godwit_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/convert"
	"github.com/godwit-ai/godwit/internal/testenv"
)

// TestEnvironment starts this program again with names in the environment that are none: opening a model says so, and does not go on
// with something else.
func TestEnvironment(t *testing.T) {
	if path := os.Getenv("GODWIT_TEST_OPEN"); path != "" {
		_, err := godwit.Open(path, godwit.Options{Threads: 1})
		for _, known := range []error{godwit.ErrCPU, godwit.ErrBLAS} {
			if errors.Is(err, known) {
				os.Stdout.WriteString("<" + known.Error() + ">" + err.Error() + "\n")
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if _, err := convert.Directory(context.Background(), "testdata/arch/llama", path, convert.Options{Type: "f32"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		set  string
		want []string
	}{
		{"GODWIT_CPU=generic", nil},
		{"GODWIT_CPU=sse9", []string{"<" + godwit.ErrCPU.Error() + ">", path, "GODWIT_CPU=sse9", "generic"}},
		{"GODWIT_BLAS=/none/libnone.so", []string{"<" + godwit.ErrBLAS.Error() + ">", path, "GODWIT_BLAS", "/none/libnone.so"}},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnvironment$")
		if testenv.Emulated() {
			cmd = exec.Command("qemu-aarch64", "-cpu", "max", os.Args[0], "-test.run=^TestEnvironment$")
		}
		cmd.Env = append(os.Environ(), "GODWIT_CPU=", "GODWIT_BLAS=", c.set, "GODWIT_TEST_OPEN="+path)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", c.set, err, out)
		}
		for _, w := range c.want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s: %q does not say %q", c.set, out, w)
			}
		}
		if c.want == nil && strings.Contains(string(out), "<") {
			t.Errorf("%s: %s", c.set, out)
		}
	}
}
