package i8

import "testing"

// TestPlane1: a code of 1 bit is the bit of its plane, or that twice less 1.
func TestPlane1(t *testing.T) {
	src := make([]byte, 96)
	for i := range src {
		src[i] = byte(i*37 + i/7)
	}
	codes := make([]int8, 8*len(src))
	for _, centred := range []bool{false, true} {
		UnpackPlanes(codes, src, 1, centred)
		for i, got := range codes {
			want := int8(src[i%len(src)] >> (i / len(src)) & 1)
			if centred {
				want = 2*want - 1
			}
			if got != want {
				t.Fatalf("code %d, centred %v: %d, want %d", i, centred, got, want)
			}
		}
	}
}
