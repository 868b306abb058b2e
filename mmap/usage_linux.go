package mmap

import (
	"bytes"
	"os"
	"strconv"
)

// MemoryUsage reads /proc/self/status.
func MemoryUsage() Usage {
	var u Usage
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return u
	}
	for line := range bytes.Lines(data) {
		key, rest, _ := bytes.Cut(line, []byte(":"))
		var dst *int64
		switch string(key) {
		case "VmHWM":
			dst = &u.PeakRSS
		case "VmRSS":
			dst = &u.RSS
		case "RssAnon":
			dst = &u.Anon
		default:
			continue
		}
		if f := bytes.Fields(rest); len(f) == 2 {
			kib, _ := strconv.ParseInt(string(f[0]), 10, 64)
			*dst = kib << 10
		}
	}
	return u
}
