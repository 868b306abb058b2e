package mmap

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	pageSize    = 4096
	granularity = 64 << 10 // of offsets into a file
)

var prefetchVirtualMemory = windows.NewLazySystemDLL("kernel32.dll").NewProc("PrefetchVirtualMemory")

func duplicate(fd uintptr) (*os.File, error) {
	self := windows.CurrentProcess()
	var h windows.Handle
	err := windows.DuplicateHandle(self, windows.Handle(fd), self, &h, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), fmt.Sprintf("handle %d", fd)), nil
}

// mapFile maps n bytes of f from off, a multiple of granularity.
func mapFile(f *os.File, off int64, n int, writable bool) ([]byte, error) {
	prot, access := uint32(windows.PAGE_READONLY), uint32(windows.FILE_MAP_READ)
	if writable {
		prot, access = windows.PAGE_READWRITE, windows.FILE_MAP_READ|windows.FILE_MAP_WRITE
	}
	end := uint64(off) + uint64(n)
	h, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, prot, uint32(end>>32), uint32(end), nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateFileMapping", err)
	}
	defer windows.CloseHandle(h) // the view keeps the mapping
	addr, err := windows.MapViewOfFile(h, access, uint32(uint64(off)>>32), uint32(off), uintptr(n))
	if err != nil {
		return nil, os.NewSyscallError("MapViewOfFile", err)
	}
	return memory(addr, n), nil
}

// memory makes a slice of memory that the system gave. The detour keeps vet from taking the address for a Go pointer
// that was stored as an integer.
func memory(addr uintptr, n int) []byte {
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), n)
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

func mapAnon(n int) ([]byte, error) {
	addr, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil, os.NewSyscallError("VirtualAlloc", err)
	}
	return memory(addr, n), nil
}

func unmap(b []byte) error     { return windows.UnmapViewOfFile(address(b)) }
func unmapAnon(b []byte) error { return windows.VirtualFree(address(b), 0, windows.MEM_RELEASE) }
func lock(b []byte) error      { return windows.VirtualLock(address(b), uintptr(len(b))) }
func unlock(b []byte) error    { return windows.VirtualUnlock(address(b), uintptr(len(b))) }
func syncMap(b []byte) error   { return windows.FlushViewOfFile(address(b), uintptr(len(b))) }

// advise knows reading ahead, and dropping: unlocking pages that are not locked takes them out of the working set.
func advise(b []byte, a Advice) error {
	switch a {
	case Normal, Sequential, Random, Huge:
		return nil
	case WillNeed:
		if prefetchVirtualMemory.Find() != nil {
			return nil // before Windows 8
		}
		r := struct{ addr, size uintptr }{address(b), uintptr(len(b))}
		if ok, _, err := prefetchVirtualMemory.Call(uintptr(windows.CurrentProcess()), 1, uintptr(unsafe.Pointer(&r)), 0); ok == 0 {
			return os.NewSyscallError("PrefetchVirtualMemory", err)
		}
		return nil
	case Drop:
		if err := unlock(b); err != nil && !errors.Is(err, windows.ERROR_NOT_LOCKED) {
			return os.NewSyscallError("VirtualUnlock", err)
		}
		return nil
	}
	return fmt.Errorf("%w: advice %d", errors.ErrUnsupported, a)
}

func zeroPages([]byte) bool { return false }

func drop(_ *os.File, b []byte, _ int64) error { return advise(b, Drop) }

// reserve has nothing to do: without FSCTL_SET_SPARSE, SetEndOfFile allocates.
func reserve(*os.File, int64, int64) error { return nil }

// fill has nothing to do, for the same reason.
func fill(*os.File, int64, int64) error { return nil }

func flush(_ *os.File, b []byte, _ int64) error { return syncMap(b) } // which does not wait for the disk

// createUnnamed returns a file that is deleted when it is closed.
func createUnnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "godwit-spill-*")
	if err != nil {
		return nil, err
	}
	name := f.Name()
	f.Close()
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(p, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_SHARE_DELETE, nil, windows.OPEN_EXISTING,
		windows.FILE_ATTRIBUTE_TEMPORARY|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if err != nil {
		os.Remove(name)
		return nil, os.NewSyscallError("CreateFile", err)
	}
	return os.NewFile(uintptr(h), name), nil
}

// resident asks for the state of every page.
func resident(b []byte) (int64, error) {
	type state struct{ addr, flags uintptr } // PSAPI_WORKING_SET_EX_INFORMATION
	const piece = 4096
	info := make([]state, 0, piece)
	var n int64
	for off := 0; off < len(b); {
		info = info[:0]
		for ; off < len(b) && len(info) < piece; off += pageSize {
			info = append(info, state{addr: address(b) + uintptr(off)})
		}
		size := uint32(len(info)) * uint32(unsafe.Sizeof(state{}))
		if err := windows.QueryWorkingSetEx(windows.CurrentProcess(), uintptr(unsafe.Pointer(&info[0])), size); err != nil {
			return 0, os.NewSyscallError("QueryWorkingSetEx", err)
		}
		for _, s := range info {
			if s.flags&1 != 0 {
				n += pageSize
			}
		}
	}
	return n, nil
}
