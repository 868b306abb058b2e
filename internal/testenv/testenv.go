// Package testenv tells tests about the machine they run on. Only tests import it.
package testenv

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"sync"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// Emulated reports whether this is arm64 code under user-mode emulation: /proc/cpuinfo is then the host's. Emulators ignore
// most advice about memory and are some 20 times slower.
var Emulated = sync.OnceValue(func() bool {
	info, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && runtime.GOARCH == "arm64" && !bytes.Contains(info, []byte("CPU implementer"))
})

// IsFault reports whether err is what a fault in mapped memory becomes: seq.ErrFault. Emulators lose the address of a SIGBUS, so
// that Go takes it for a nil pointer; there the panic of that name counts as well.
func IsFault(err error) bool {
	if errors.Is(err, seq.ErrFault) {
		return true
	}
	var e runtime.Error
	return Emulated() && errors.Is(err, par.ErrPanic) && errors.As(err, &e) &&
		e.Error() == "runtime error: invalid memory address or nil pointer dereference"
}
