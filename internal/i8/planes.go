package i8

import (
	"encoding/binary"
	"unsafe"
)

// Codes of 2 and 3 bits lie in planes. Of 2 bits, byte i of n/4 holds codes i, i + n/4, i + n/2 and i + 3n/4, the first in its low bits.
// 3 bits are such 2 bits and, behind them, bytes of the highest bits: byte i of n/8 has those of codes i, i + n/8, ….

// UnpackPlanes unpacks len(dst) codes c of 1 to 3 bits: as they are, or as 2c − (2^bits − 1), whose mean is 0. len(dst) is a multiple of
// 256, src has len(dst)·bits/8 bytes.
func UnpackPlanes(dst []int8, src []byte, bits int, centred bool) {
	n := len(dst)
	if n == 0 {
		return
	}
	_ = src[n*bits/8-1]
	if bits == 1 {
		plane1(dst, src, centred)
		return
	}
	active.planes(dst, src, bits, centred)
}

// plane1 is for codes of 1 bit: they lie as the highest ones of 3 do.
func plane1(dst []int8, src []byte, centred bool) {
	e := len(dst) / 8
	out := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst))
	for i := 0; i < e; i += 8 {
		x := binary.LittleEndian.Uint64(src[i:])
		for j := range 8 {
			y := x >> j & each8
			if centred { // 2y − 1: 0xff or 1
				y = (each8-y)*0xff | y
			}
			binary.LittleEndian.PutUint64(out[j*e+i:], y)
		}
	}
}

const each8 = 0x0101010101010101 // in each byte

// planesGo takes eight codes at a time.
func planesGo(dst []int8, src []byte, bits int, centred bool) {
	q, e := len(dst)/4, len(dst)/8
	out := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst))
	for i := 0; i < q; i += 8 {
		x := binary.LittleEndian.Uint64(src[i:])
		for j := range 4 {
			binary.LittleEndian.PutUint64(out[j*q+i:], x>>(2*j)&(3*each8))
		}
	}
	if bits == 3 {
		for i := 0; i < e; i += 8 {
			x := binary.LittleEndian.Uint64(src[q+i:])
			for j := range 8 {
				to := out[j*e+i:]
				binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(to)|x>>j&each8<<2)
			}
		}
	}
	if !centred {
		return
	}
	top := uint64(1)<<bits - 1
	for i := 0; i < len(out); i += 8 {
		x := binary.LittleEndian.Uint64(out[i:]) << 1
		binary.LittleEndian.PutUint64(out[i:], (x|0x80*each8)-top*each8^0x80*each8)
	}
}
