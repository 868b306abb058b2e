package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// spillFile is the link of a process's open spill file, "" if there is none.
func spillFile(pid int) string {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, _ := os.ReadDir(dir)
	for _, fd := range fds {
		if name, _ := os.Readlink(filepath.Join(dir, fd.Name())); strings.Contains(name, "godwit-spill") {
			return name
		}
	}
	return ""
}

// TestSpillKilled: a program that is killed leaves no file behind.
func TestSpillKilled(t *testing.T) {
	dir := t.TempDir()
	c := program(t, append([]string{"run", tiny(t), "--raw", "the", "--spill", dir}, append(long[2:], "-n", "1000000")...)...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var e bytes.Buffer
	c.Stderr = &e
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadByte(); err != nil { // rows are there
		t.Fatalf("%v, %s", err, e.String())
	}
	if name := spillFile(c.Process.Pid); !strings.Contains(name, dir) || !strings.Contains(name, "deleted") {
		t.Errorf("the open file is %q", name)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestSpillFull: on a disk that is too small a session begins, and ends with an error when the disk is full.
func TestSpillFull(t *testing.T) {
	dir, m := t.TempDir(), tiny(t)
	book := text(t, strings.Repeat("a small bird flies far. ", 300))
	// 7,200 tokens of 256 bytes take 1.8 MB.
	args := []string{"perplexity", m, "-f", book, "--ctx", "7000", "--plan", "kv=f32 span=window(64) layout=grow", "--spill", dir}
	run := func(c *exec.Cmd) (string, error) {
		var e bytes.Buffer
		c.Stderr = &e
		err := c.Run()
		return e.String(), err
	}
	if e, err := run(program(t, args...)); err != nil {
		t.Fatalf("with room: %v, %s", err, e)
	}
	// The size of files is limited: there is no session.
	c := program(t, args...)
	shell := exec.Command("sh", append([]string{"-c", `ulimit -f 100 && exec "$@"`, "sh"}, c.Args...)...)
	shell.Env = c.Env
	e, err := run(shell)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(e, "new session: the file of the session's caches") {
		t.Errorf("with files of 100 blocks at most: %v, %s", err, e)
	}
	// A disk of 1 MB, where one may be mounted.
	shell = exec.Command("sh", append([]string{"-c", `mount -t tmpfs -o size=1m none "$0" && exec "$@"`, dir}, c.Args...)...)
	shell.Env = c.Env
	shell.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	start := time.Now()
	e, err = run(shell)
	if !errors.As(err, &exit) { // the system lets nobody mount
		t.Logf("no disk could be mounted: %v", err)
		return
	}
	if exit.ExitCode() == 32 || strings.Contains(e, "mount:") {
		t.Logf("no disk could be mounted: %s", e)
		return
	}
	if exit.ExitCode() != 1 || !strings.Contains(e, "perplexity: window 1 of 1: feed: token") || !strings.Contains(e, "no space left on device") || !strings.Contains(e, "give --spill a folder") {
		t.Errorf("on a disk of 1 MB, after %v: %v, %s", time.Since(start), err, e)
	}
}
