//go:build amd64 || arm64

package par

// relax tells the CPU that this thread waits, which leaves more of a shared core to the other thread. Twin: relax.
func relax()
