//go:build !race

package chat

const raceFactor = 1
