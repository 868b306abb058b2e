//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package catalog

import (
	"errors"
	"os"
)

// tryLock locks nothing: on these systems two downloads of one model at once may have to be repeated.
func tryLock(*os.File) (bool, error) { return true, nil }

func diskFull(err error) bool { return errors.Is(err, ErrDiskFull) }
