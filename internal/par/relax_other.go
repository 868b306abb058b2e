//go:build !amd64 && !arm64

package par

// relax does nothing where there is no such instruction. Twin: relax.
func relax() {}
