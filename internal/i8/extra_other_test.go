//go:build !amd64

package i8

var extras []extra
