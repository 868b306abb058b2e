//go:build race

package runtime_test

// slow stretches time limits under the race detector.
const slow = 20
