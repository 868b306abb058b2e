//go:build arm64 && !darwin && !ios

package cpu

const appleSilicon = false
