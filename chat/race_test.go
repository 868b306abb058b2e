//go:build race

package chat

const raceFactor = 10 // how much slower the race detector makes templates, at most
