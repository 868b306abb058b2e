package mmap_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/godwit-ai/godwit/internal/testenv"
	"github.com/godwit-ai/godwit/mmap"
)

// proc returns a number of KiB, in bytes, from a file of "Key:  n kB" lines.
func proc(t *testing.T, file, key string) int64 {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("%s has no %s", file, key)
	return 0
}

// smaps returns a figure of the mapping that begins at p, in bytes.
func smaps(t *testing.T, p []byte, key string) int64 {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := uintptr(unsafe.Pointer(&p[0]))
	in := false
	for s := bufio.NewScanner(f); s.Scan(); {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x ", &lo, &hi); n == 2 {
			in = lo <= at && at < hi
		} else if rest, ok := strings.CutPrefix(s.Text(), key+":"); ok && in {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	t.Fatalf("no %s for %#x", key, at)
	return 0
}

var sink int // keeps the compiler from dropping touch's reads

// touch reads every page of p.
func touch(p []byte) {
	for i := 0; i < len(p); i += 4096 {
		sink += int(p[i])
	}
}

func TestMemoryUsage(t *testing.T) {
	const n = 64 << 20
	before := mmap.MemoryUsage()
	b, err := mmap.Anon(n)
	if err != nil {
		t.Fatal(err)
	}
	if u := mmap.MemoryUsage(); u.Anon-before.Anon > n/2 {
		t.Errorf("%d bytes of untouched memory count as %d", n, u.Anon-before.Anon)
	}
	for i := 0; i < n; i += 4096 {
		b.Bytes()[i] = 1
	}
	u := mmap.MemoryUsage()
	for key, have := range map[string]int64{"VmRSS": u.RSS, "RssAnon": u.Anon, "VmHWM": u.PeakRSS} {
		if want := proc(t, "/proc/self/status", key); max(have-want, want-have) > 8<<20 {
			t.Errorf("%s: %d, the system says %d", key, have, want)
		}
	}
	const slack = 8 << 20
	if d := u.Anon - before.Anon; d < n-slack || d > n+slack {
		t.Errorf("%d touched bytes count as %d of Anon", n, d)
	}
	if d := u.RSS - before.RSS; d < n-slack || u.PeakRSS < u.RSS-slack {
		t.Errorf("%d touched bytes count as %d of RSS, peak %d of %d", n, d, u.PeakRSS, u.RSS)
	}
	if err := b.Zero(0, 0); err != nil {
		t.Error(err)
	}
	if u := mmap.MemoryUsage(); u.Anon-before.Anon > slack || u.PeakRSS < n {
		t.Errorf("after Zero %d bytes of Anon are left, peak %d", u.Anon-before.Anon, u.PeakRSS)
	}
	if err := b.Free(); err != nil {
		t.Error(err)
	}
	// A mapped file is no anonymous memory, and is resident once read.
	path, _ := write(t, 16<<20)
	f := open(t, path)
	before = mmap.MemoryUsage()
	touch(f.Bytes())
	u = mmap.MemoryUsage()
	if u.Anon-before.Anon > 8<<20 || u.RSS-before.RSS < 8<<20 {
		t.Errorf("16 MiB of a file: Anon %+d, RSS %+d", u.Anon-before.Anon, u.RSS-before.RSS)
	}
}

// TestResidency: all of a file that was just written is in memory, nothing after Drop, and what was read again after that.
func TestResidency(t *testing.T) {
	const n = 8<<20 + 100
	path, _ := write(t, n)
	evict := func(f *mmap.File) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := file.Sync(); err != nil { // dirty pages stay
			t.Fatal(err)
		}
		if err := f.Advise(mmap.Drop, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	resident := func(f *mmap.File) int64 {
		t.Helper()
		got, err := f.Resident()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	f := open(t, path)
	if got := resident(f); got != n {
		t.Errorf("just written: %d bytes, want %d", got, n)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		t.Fatal(err)
	}
	keeps := fs.Type == unix.TMPFS_MAGIC // has nowhere to drop pages to
	touch(f.Bytes())
	rss := smaps(t, f.Bytes(), "Rss")
	evict(f)
	if after := smaps(t, f.Bytes(), "Rss"); after > rss/8 {
		t.Errorf("after drop %d of %d bytes are mapped", after, rss)
	}
	if got := resident(f); got > n/8 && !keeps {
		t.Errorf("after drop: %d bytes are in memory", got)
	}
	if err := f.Advise(mmap.Random, 0, 0); err != nil { // which emulators ignore: the system then reads ahead as it likes
		t.Fatal(err)
	}
	touch(f.Bytes()[:n/2])
	if got := resident(f); got < n/2-4096 || got > n*5/8 && !keeps && !testenv.Emulated() {
		t.Errorf("half read: %d of %d bytes are in memory", got, n)
	}
	// A range, by its middle: pages at its edges stay.
	if err := f.Advise(mmap.WillNeed, 0, 0); err != nil {
		t.Fatal(err)
	}
	touch(f.Bytes())
	if err := f.Advise(mmap.Drop, 2<<20-1, 4<<20+2); err != nil {
		t.Fatal(err)
	}
	if got := resident(f); !keeps && (got < n-4<<20 || got > n-3<<20) {
		t.Errorf("4 MiB dropped: %d of %d bytes are in memory", got, n)
	}
	// A part of the file by descriptor: advice must not reach outside it.
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	touch(f.Bytes())
	part, err := mmap.OpenFD(file.Fd(), 1<<20+5, 2<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	if got := resident(part); got != 2<<20 {
		t.Errorf("the part: %d bytes in memory, want all", got)
	}
	if err := f.Advise(mmap.Drop, 0, 0); err != nil {
		t.Fatal(err)
	}
	if got := resident(part); got > 1<<20 && !keeps {
		t.Errorf("the part after drop of all: %d bytes in memory", got)
	}
	touch(f.Bytes())
	if err := part.Advise(mmap.Drop, 0, 0); err != nil {
		t.Fatal(err)
	}
	// f itself has the pages mapped, so that they must stay.
	if got := resident(f); got < n-1<<20 {
		t.Errorf("dropping the part evicted pages that f has mapped: %d of %d left", got, n)
	}
}

// TestSpillDropLeavesMemory: what was written leaves memory for the disk and comes back.
func TestSpillDropLeavesMemory(t *testing.T) {
	const n = 8 << 20
	b, err := mmap.CreateSpill(t.TempDir(), n)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	for i := 0; i < n; i += 8 {
		b.Bytes()[i] = byte(i >> 12)
	}
	if got, err := b.Resident(); err != nil || got != n {
		t.Errorf("written: %d bytes resident, %v", got, err)
	}
	if err := b.Advise(mmap.Drop, 0, 0); err != nil {
		t.Fatal(err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(os.TempDir(), &fs); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Resident(); err != nil || got > n/4 && fs.Type != unix.TMPFS_MAGIC {
		t.Errorf("dropped: %d bytes resident, %v", got, err)
	}
	for i := 0; i < n; i += 8 {
		if b.Bytes()[i] != byte(i>>12) {
			t.Fatalf("byte %d is lost", i)
		}
	}
}

// TestSparseTakesRoom: a file has blocks for what was reserved and no others, and what is sent away leaves the process but not the cache.
func TestSparseTakesRoom(t *testing.T) {
	const n, part = 64 << 20, 4 << 20
	b, err := mmap.CreateSparse(t.TempDir(), n)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	blocks := func() int64 {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			path := "/proc/self/fd/" + fd.Name()
			if name, _ := os.Readlink(path); strings.Contains(name, "godwit-spill") {
				var st unix.Stat_t
				if err := unix.Stat(path, &st); err != nil {
					t.Fatal(err)
				}
				return st.Blocks * 512
			}
		}
		t.Fatal("no spill file is open")
		return 0
	}
	if got := blocks(); got > 1<<20 {
		t.Errorf("%d bytes on the disk before any were reserved", got)
	}
	if err := b.Reserve(part, part); err != nil {
		t.Fatal(err)
	}
	if got := blocks(); got < part || got > part+1<<20 {
		t.Errorf("%d bytes on the disk, %d were reserved", got, part)
	}
	for i := part; i < 2*part; i += 4096 {
		b.Bytes()[i] = 1
	}
	if rss := smaps(t, b.Bytes(), "Rss"); rss != part {
		t.Errorf("%d bytes resident, %d were written", rss, part)
	}
	if err := b.Away(part, part); err != nil {
		t.Fatal(err)
	}
	if rss := smaps(t, b.Bytes(), "Rss"); rss != 0 {
		t.Errorf("%d bytes resident after they were sent away", rss)
	}
	if got, err := b.Resident(); err != nil || got < part { // and what was read ahead
		t.Errorf("%d bytes in the cache, %v", got, err)
	}
}

func TestResidentAnon(t *testing.T) {
	b, err := mmap.Anon(64 << 12)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	for i := range 10 {
		b.Bytes()[i<<12] = 1
	}
	if n, err := b.Resident(); err != nil || n != 10<<12 {
		t.Errorf("10 pages touched: %d bytes resident, %v", n, err)
	}
}

func TestLockCounts(t *testing.T) {
	before := proc(t, "/proc/self/status", "VmLck")
	b, err := mmap.Anon(4 << 12)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Lock(); err != nil {
		t.Fatal(err)
	}
	if got := proc(t, "/proc/self/status", "VmLck") - before; got != 4<<12 {
		t.Errorf("%d bytes locked, want %d", got, 4<<12)
	}
	// Locked pages cannot be given back, yet Zero must zero them.
	b.Bytes()[5000] = 1
	if err := b.Zero(0, 0); err != nil || b.Bytes()[5000] != 0 {
		t.Errorf("Zero of locked memory: %v, byte %d", err, b.Bytes()[5000])
	}
	if err := b.Unlock(); err != nil {
		t.Fatal(err)
	}
	if got := proc(t, "/proc/self/status", "VmLck") - before; got != 0 {
		t.Errorf("%d bytes locked after Unlock", got)
	}
	if err := b.Free(); err != nil {
		t.Error(err)
	}
}

// TestHuge: the advice reaches the kernel, where it has huge pages.
func TestHuge(t *testing.T) {
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	off := err != nil || strings.Contains(string(mode), "[never]") // then the advice must do no harm
	b, err := mmap.Anon(16 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	if err := b.Advise(mmap.Huge, 0, 0); err != nil {
		t.Fatal(err)
	}
	clear(b.Bytes())
	if n := smaps(t, b.Bytes(), "AnonHugePages"); !off && n == 0 && smaps(t, b.Bytes(), "THPeligible") == 0 && !testenv.Emulated() {
		t.Error("the kernel does not know of the advice")
	}
}

// TestUnmappable opens a file that the kernel refuses to map; it must be read instead.
func TestUnmappable(t *testing.T) {
	const path = "/sys/kernel/notes"
	want, err := os.ReadFile(path)
	if err != nil { // a system without it: then Open must say the same
		if _, again := mmap.Open(path); again == nil {
			t.Errorf("opened what cannot be read: %v", err)
		}
		return
	}
	f := open(t, path)
	if f.Mapped() || string(f.Bytes()) != string(want) {
		t.Errorf("mapped: %v, %d bytes of %d", f.Mapped(), len(f.Bytes()), len(want))
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	// One that says it is longer than it is.
	if _, err := mmap.Open("/sys/kernel/mm/transparent_hugepage/enabled"); err == nil {
		t.Error("no error for a file that ends early")
	}
}

// TestNoLeak counts descriptors and mappings around every way to succeed and fail.
func TestNoLeak(t *testing.T) {
	path, _ := write(t, 100_000)
	count := func() (fds, maps int) {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		m, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return len(d), strings.Count(string(m), filepath.Base(filepath.Dir(path))) + strings.Count(string(m), "godwit-spill")
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer w.Close()
	dir := t.TempDir()
	fds, maps := count()
	for range 20 {
		if f, err := mmap.Open(path); err == nil {
			f.Close()
		}
		if f, err := mmap.Read(path); err == nil {
			f.Close()
		}
		if f, err := mmap.OpenFD(file.Fd(), 5, 0); err == nil {
			f.Close()
		}
		if f, err := mmap.Open("/sys/kernel/notes"); err == nil {
			f.Close()
		}
		mmap.Open("/sys/kernel/mm/transparent_hugepage/enabled")
		mmap.OpenFD(file.Fd(), -5, 0)
		mmap.OpenFD(file.Fd(), 0, 1<<40)
		mmap.OpenFD(pipe.Fd(), 0, 0)
		mmap.Open(dir)
		mmap.CreateSpill(dir, 1<<60)
		mmap.CreateSparse(dir, 1<<62)
		if b, err := mmap.CreateSparse(dir, 100_000); err == nil {
			b.Reserve(0, 1)
			b.Free()
		}
		if b, err := mmap.CreateSpill(dir, 100_000); err == nil {
			b.Grow(200_000)
			b.Grow(1 << 60)
			b.Free()
		}
	}
	if f, m := count(); f != fds || m != maps {
		t.Errorf("descriptors %d -> %d, mappings %d -> %d", fds, f, maps, m)
	}
}
