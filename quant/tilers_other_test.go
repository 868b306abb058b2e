//go:build !amd64 && !arm64

package quant

var tilers []tilerCase

var extras []extra
