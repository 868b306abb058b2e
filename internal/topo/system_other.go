//go:build !linux && !darwin

package topo

import "runtime"

func system() *Machine { return Flat(runtime.NumCPU()) }
