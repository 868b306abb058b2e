package runtime

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/internal/testenv"
)

// storeModel is the file of a plan's model, and the rule of its coordinates.
func storeModel(t testing.TB, file, plan string) (path string, rule Coords) {
	if strings.Contains(plan, "group=") {
		rule = lines
	}
	if file == "gist" || file == "rmt" {
		return foldFile(t, file), rule
	}
	return tinyFile(t, file), rule
}

// storeWant is a text and the hashes of the logits after each of its tokens.
func storeWant(t *testing.T, m *Model, rule Coords) (ids []int32, want []string) {
	ids = foldText(m, 400)
	whole, err := m.NewSession(SessionOptions{Context: 400, Coords: rule})
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	return ids, hashes(t, whole, ids)
}

// TestOpenSession: sessions in files that are closed and opened again, go back and on, have the logits of reading the text once, and
// nothing is computed again when they are opened.
func TestOpenSession(t *testing.T) {
	ctx := context.Background()
	for i, c := range imagePlans {
		if testing.Short() && i%3 != 0 {
			continue
		}
		path, rule := storeModel(t, c.file, c.plan)
		m := tinyModel(t, path, Options{Plan: c.plan, Threads: 2})
		ids, want := storeWant(t, m, rule)
		file := filepath.Join(t.TempDir(), "s.godwit")
		o := SessionOptions{Context: 400, Chunk: 50, Coords: rule}
		rng := rand.New(rand.NewPCG(uint64(i), 9))
		at := 0
		for round := 0; at < len(ids); round++ {
			s, r, err := m.OpenSession(ctx, file, o, nil)
			if err != nil {
				t.Fatalf("%s, round %d: %v", c.plan, round, err)
			}
			if r.New != (round == 0) || r.Tokens != at || r.Recomputed != 0 || r.Lost != 0 || !slices.Equal(s.Tokens(), ids[:at]) {
				t.Fatalf("%s, round %d, %d tokens: %+v", c.plan, round, at, r)
			}
			if at > 0 {
				if got := s.Stats().LogitsHash; got != want[at-1] {
					t.Fatalf("%s, round %d: other logits after %d tokens, as opened", c.plan, round, at)
				}
			}
			for range rng.IntN(4) {
				if err := s.Trim(Trim(rng.IntN(2))); err != nil {
					t.Fatal(err)
				}
				if rng.IntN(4) == 0 {
					if err := s.Rewind(ctx, max(0, s.Len()-rng.IntN(90)), nil); err != nil {
						t.Fatalf("%s: %v", c.plan, err)
					}
				}
				n := min(s.Len()+1+rng.IntN(70), len(ids))
				if n == s.Len() {
					break
				}
				var err error
				if junk := ids[rng.IntN(300):][:1+rng.IntN(80)]; rng.IntN(3) == 0 && s.Len()+len(junk) <= 400 {
					if err = s.Feed(ctx, junk, nil); err == nil {
						_, err = s.Sync(ctx, ids[:n], nil)
					}
				} else {
					err = s.Feed(ctx, ids[s.Len():n], nil)
				}
				if err != nil {
					t.Fatalf("%s: %v", c.plan, err)
				}
				if got := s.Stats().LogitsHash; got != want[n-1] {
					t.Fatalf("%s, round %d: other logits after %d tokens", c.plan, round, n)
				}
			}
			if s.fresh { // as after a Feed
				at = s.Len()
			} else if at = s.Len(); at > 0 {
				if err := s.Rewind(ctx, at-1, nil); err != nil {
					t.Fatal(err)
				}
				if err := s.Feed(ctx, ids[at-1:at], nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// killCase is a model, a plan and a text of so many tokens that processes are killed with.
type killCase struct {
	path, plan string
	rule       Coords
	tokens     int
	chunk      int
	wait       time.Duration // at most, before the kill
}

// TestKill: processes that are killed at random moments, while they feed, go back, commit, close and open, leave files from which the
// session goes on, with nothing lost of what was told to be done, and the bits of reading the text once.
func TestKill(t *testing.T) {
	kills := 4
	if testing.Short() {
		kills = 1
	}
	for _, i := range []int{0, 1, 2, 5, 7, 8, 13, 14} {
		c := imagePlans[i]
		path, rule := storeModel(t, c.file, c.plan)
		killed(t, kills, killCase{path, c.plan, rule, 400, 50, 60 * time.Millisecond})
	}
}

func killed(t *testing.T, kills int, c killCase) {
	ctx := context.Background()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := tinyModel(t, c.path, Options{Plan: c.plan, Threads: 1})
	ids := foldText(m, c.tokens)
	whole, err := m.NewSession(SessionOptions{Context: c.tokens, Coords: c.rule})
	if err != nil {
		t.Fatal(err)
	}
	want := hashes(t, whole, ids)
	whole.Close()
	file := filepath.Join(t.TempDir(), "s.godwit")
	again, reused := 0, 0
	for k := range kills {
		args := []string{"-test.run=^TestKillChild$", "-test.v"}
		cmd := exec.Command(self, args...)
		if testenv.Emulated() {
			cmd = exec.Command("qemu-aarch64", append([]string{"-cpu", "max", self}, args...)...)
		}
		cmd.Env = append(os.Environ(), "GODWIT_KILL="+strings.Join([]string{c.path, c.plan, file, strconv.Itoa(c.tokens), strconv.Itoa(c.chunk), strconv.Itoa(k)}, "\n"))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The child tells what it has done, or that it begins to go back to a token, or will have others behind one.
		least, junk, done, begun := 0, false, make(chan int, 1<<16), make(chan bool, 1)
		go func() {
			in := bufio.NewScanner(out)
			for in.Scan() {
				what, at, _ := strings.Cut(in.Text(), " ")
				if n, err := strconv.Atoi(at); err == nil && (what == "at" || what == "junk") {
					if what == "junk" {
						n = -n
					}
					done <- n
					select {
					case begun <- true:
					default:
					}
				}
			}
			close(done)
		}()
		select {
		case <-begun:
		case <-time.After(time.Minute):
			t.Fatal("the process does nothing")
		}
		time.Sleep(rand.N(c.wait))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for n := range done {
			least, junk = max(n, -n), n < 0
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
		s, r, err := m.OpenSession(ctx, file, SessionOptions{Coords: c.rule}, nil)
		if err != nil {
			t.Fatalf("%s, kill %d: %v", c.plan, k, err)
		}
		if junk && !slices.Equal(s.Tokens()[least:], ids[least:max(least, min(s.Len(), len(ids)))]) {
			if err := s.Rewind(ctx, least, nil); err != nil {
				t.Fatal(err)
			}
		}
		n := s.Len()
		if n < least || r.Lost > 0 || !slices.Equal(s.Tokens(), ids[:n]) {
			t.Fatalf("%s, kill %d: %d tokens of at least %d, %+v", c.plan, k, n, least, r)
		}
		again, reused = again+r.Recomputed, reused+r.Reused
		if n == len(ids) {
			if err := s.Rewind(ctx, n/2, nil); err != nil {
				t.Fatal(err)
			}
			n = s.Len()
		}
		if err := s.Feed(ctx, ids[n:n+1], nil); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats().LogitsHash; got != want[n] {
			t.Fatalf("%s, kill %d: other logits after %d tokens (%+v)", c.plan, k, n+1, r)
		}
		if k%2 == 0 {
			err = s.Close()
		} else {
			err = s.abandon() // as if killed here
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%q: %d kills, %d tokens were there, %d were computed again", c.plan, kills, reused, again)
}

// TestKillChild is the process that TestKill kills; by itself it does nothing.
func TestKillChild(t *testing.T) {
	args := strings.Split(os.Getenv("GODWIT_KILL"), "\n")
	if len(args) != 6 {
		return
	}
	plan, file := args[1], args[2]
	n, _ := strconv.Atoi(args[3])
	chunk, _ := strconv.Atoi(args[4])
	seed, _ := strconv.Atoi(args[5])
	o := SessionOptions{Context: n, Chunk: chunk}
	if strings.Contains(plan, "group=") {
		o.Coords = lines
	}
	m := tinyModel(t, args[0], Options{Plan: plan, Threads: 2})
	ids := foldText(m, n)
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(uint64(seed), 77))
	s, _, err := m.OpenSession(ctx, file, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		switch n := s.Len(); rng.IntN(13) {
		case 12:
			err = s.Trim(Trim(rng.IntN(2)))
		case 0:
			err = s.Commit()
		case 1:
			err = s.Close()
			if err == nil {
				s, _, err = m.OpenSession(ctx, file, o, nil)
			}
		case 2:
			to := max(0, n-rng.IntN(90))
			fmt.Println("at", to)
			err = s.Rewind(ctx, to, nil)
		case 7:
			if junk := ids[rng.IntN(len(ids)/2):][:1+rng.IntN(80)]; n > 1 && n+len(junk) <= len(ids) {
				to := max(2, n-rng.IntN(40))
				fmt.Println("junk", to-1) // from here on other tokens are in the stream, and Sync computes the last one again
				if err = s.Feed(ctx, junk, nil); err == nil {
					_, err = s.Sync(ctx, ids[:to], nil)
				}
				if err == nil {
					fmt.Println("at", to)
				}
			}
		case 3:
			var f *Session
			if f, err = s.Fork(); err == nil {
				err = f.Close()
			}
		case 4, 5, 6:
			for i := n; i < min(n+rng.IntN(100), len(ids)) && err == nil; i++ {
				if err = s.Deliver(ids[i], []byte("state")); err == nil {
					fmt.Println("at", i+1)
					err = s.Feed(ctx, ids[i:i+1], nil)
				}
			}
		default:
			to := min(n+1+rng.IntN(2*chunk)*rng.IntN(2), len(ids))
			if n == len(ids) {
				to = 10
				fmt.Println("at", to)
				err = s.Rewind(ctx, to, nil)
			} else {
				err = s.Feed(ctx, ids[n:to], nil)
			}
			if err == nil {
				fmt.Println("at", to)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenSessionErrors: what is no session's file, or another model's, is told, and left alone.
func TestOpenSessionErrors(t *testing.T) {
	ctx := context.Background()
	path := tinyFile(t, "llama")
	m := tinyModel(t, path, Options{Threads: 1})
	file := filepath.Join(t.TempDir(), "s.godwit")
	s, _, err := m.OpenSession(ctx, file, SessionOptions{Context: 300}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(ctx, foldText(m, 150), nil); err != nil {
		t.Fatal(err)
	}
	lay := s.store.lay
	if _, _, err := m.OpenSession(ctx, file, SessionOptions{}, nil); !errors.Is(err, ErrSessionInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := s.SetNote([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := imageOf(t, file, lay)
	for _, c := range []struct {
		name string
		m    *Model
		o    SessionOptions
		want error
	}{
		{"another plan", tinyModel(t, path, Options{Threads: 1, Plan: "kv=q8_0"}), SessionOptions{}, ErrOtherPlan},
		{"another model", tinyModel(t, tinyFile(t, "qwen3"), Options{Threads: 1}), SessionOptions{}, ErrOtherModel},
		{"little memory", tinyModel(t, path, Options{Threads: 1, Memory: 7800 << 10}), SessionOptions{}, ErrMemory},
		{"another context", m, SessionOptions{Context: 200}, ErrOtherPlan},
	} {
		if _, _, err := c.m.OpenSession(ctx, file, c.o, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for i, part := range imageOf(t, file, lay).parts {
		if !bytes.Equal(part.b, before.parts[i].b) {
			t.Errorf("the file changed at %d", part.off)
		}
	}
	for name, text := range map[string]string{"empty": "", "text": strings.Repeat("not a session ", 100)} {
		other := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.OpenSession(ctx, other, SessionOptions{}, nil); !errors.Is(err, ErrBadSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, r, err := m.OpenSession(ctx, file, SessionOptions{}, nil)
	if err != nil || r.Tokens != 150 || string(s.Note()) != "hello" {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTrim: what is given back is not the process's any more, whatever holds the keys and values, and nothing changes.
func TestTrim(t *testing.T) {
	ctx := context.Background()
	path := tinyFile(t, "llama")
	plain, spills := tinyModel(t, path, Options{Threads: 1}), tinyModel(t, path, Options{Threads: 1, Spill: t.TempDir()})
	ids, want := storeWant(t, plain, nil)
	o := SessionOptions{Context: 400}
	file, _, err := plain.OpenSession(ctx, filepath.Join(t.TempDir(), "s.godwit"), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	memory, err := plain.NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	spill, err := spills.NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Session{"in a file": file, "in memory": memory, "spilled": spill} {
		for n := 0; n < 300; n += 75 {
			if err := s.Feed(ctx, ids[n:n+75], nil); err != nil {
				t.Fatal(err)
			}
			if got := s.Stats().LogitsHash; got != want[n+74] {
				t.Fatalf("%s: other logits after %d tokens", name, n+75)
			}
			if err := s.Trim(TrimAll); err != nil {
				t.Fatal(err)
			}
			logits, err := s.Logits()
			if err != nil || Hash(logits) != want[n+74] {
				t.Fatalf("%s: the logits changed (%v)", name, err)
			}
			if left, err := s.scratch.Resident(); err != nil && !errors.Is(err, errors.ErrUnsupported) || left > 0 {
				t.Errorf("%s: %d bytes of scratch are left (%v)", name, left, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
