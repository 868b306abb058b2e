// Package convert makes GGUF files: from Hugging Face model directories, by the import tables of runtime/arch, and from other
// GGUF files with other types. Sources are mapped, tensors are encoded and written one after the other, and the file
// appears under its name only when it is complete.
//
// # Types
//
// Options.Type names a mixture. Norms, biases, routers and whatever has one dimension stay F32. The K mixtures give the
// tensors in which errors cost most a better type: attention values and ffn_down in the first and last eighth of the layers and in
// every third between get Q6_K in Q4_K_M and Q5_K_M; the small mixtures do less. The output matrix, or the token
// embedding where it serves as one, gets Q6_K (Q8_0 if its rows do not divide). Rows that are not whole blocks of a type
// fall back: Q2_K and Q3_K to Q4_0, Q4_K to Q5_0, Q5_K to Q5_1, Q6_K to Q8_0, and anything to F16 if that does not
// divide either. These are the rules of llama.cpp. Options.Pure turns all but the fallbacks off.
package convert

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/quant"
)

// Options are the choices of Directory and Quantize. The zero value is good.
type Options struct {
	Type     string                  // one of Types in any case; "": Directory keeps the weights' own float type
	Pure     bool                    // the named format everywhere, no mixture
	Keep     []string                // path.Match patterns of GGUF tensor names ("*" crosses dots) whose type stays
	Name     string                  // general.name; "": the directory's, or the file's own
	Pre      string                  // tokenizer.ggml.pre; "": from the structure of tokenizer.json
	Weights  *Importance             // importance of columns; nil: all alike
	Again    bool                    // Quantize takes tensors that are quantised already
	Threads  int                     // workers; 0: one per CPU
	Progress func(done, total int64) // bytes of tensors written; nil: nobody
}

// Result is what was written.
type Result struct {
	Arch     string
	Type     string         // the mixture's name
	Tensors  int            // number of tensors
	Types    map[string]int // tensors by type
	Bytes    int64          // size of the file
	Warnings []string
}

func (r *Result) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// errKeep is for patterns that path.Match does not take.
var errKeep = errors.New("bad pattern of tensors to keep")

func (o *Options) check() error {
	for _, p := range o.Keep {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("%w: %q", errKeep, p)
		}
	}
	return nil
}

// matches reports whether a pattern fits name.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name)
		return ok
	})
}

// write makes the file: header, metadata and blobs.
func write(ctx context.Context, out string, o *Options, w *gguf.Writer, blobs []*blob, r *Result) error {
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	pool := par.NewPool(min(threads, 256))
	defer pool.Close()
	team, done := pool.Pass(ctx)
	defer done()
	var written, total int64
	e := newEncoder(team, func(n int) {
		written += int64(n)
		if o.Progress != nil {
			o.Progress(written, total)
		}
	})
	r.Types = map[string]int{}
	for _, b := range blobs {
		err := w.Add(b.name, b.typ, b.dims, func(dst io.Writer) error { return e.write(dst, b) })
		if err != nil {
			return err
		}
		r.Types[b.typ.String()]++
	}
	r.Tensors = len(blobs)
	total = w.DataBytes()
	var err error
	r.Bytes, err = Atomically(out, func(dst io.Writer) (int64, error) { return w.WriteTo(dst) })
	return err
}

// Atomically writes a file beside path and gives it that name when all went well.
func Atomically(path string, write func(io.Writer) (int64, error)) (n int64, err error) {
	// Not os.CreateTemp: the file is to have the permissions that the user's umask leaves.
	name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x.part", filepath.Base(path), rand.Uint32()))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(name)
		}
	}()
	b := bufio.NewWriterSize(f, 1<<20)
	if n, err = write(b); err != nil {
		return n, err
	}
	if err = b.Flush(); err != nil {
		return n, err
	}
	if err = f.Sync(); err != nil {
		return n, err
	}
	if err = f.Close(); err != nil {
		return n, err
	}
	return n, os.Rename(name, path)
}

// same reports whether two paths are the same file.
func same(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// listed writes at most ten names.
func listed(names []string) string {
	if len(names) > 10 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:10], ", "), len(names)-10)
	}
	return strings.Join(names, ", ")
}

// sortedKeys returns m's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// f32 is the type of what is never quantised.
const f32 = quant.F32
