package mmap

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var getProcessMemoryInfo = windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")

// MemoryUsage asks K32GetProcessMemoryInfo; private bytes stand for anonymous memory.
func MemoryUsage() Usage {
	var c struct {
		size, faults                             uint32
		peakWorkingSet, workingSet               uintptr
		peakPaged, paged, peakNonPaged, nonPaged uintptr
		pagefile, peakPagefile, private          uintptr
	}
	c.size = uint32(unsafe.Sizeof(c))
	if ok, _, _ := getProcessMemoryInfo.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&c)), uintptr(c.size)); ok == 0 {
		return Usage{}
	}
	return Usage{PeakRSS: int64(c.peakWorkingSet), RSS: int64(c.workingSet), Anon: int64(c.private)}
}
