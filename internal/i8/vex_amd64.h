// An instruction that Go's assembler lacks: it knows VPDPBUSD only with the longer code of AVX-512. Operands are register
// numbers; internal/lint checks that the bytes are what the comment says.

// VPDPBUSD Ym, Yv, Yd
#define VPDPBUSDVEX(m, v, d) BYTE $0xc4; BYTE $(0xe2 ^ (((d)>>3)<<7) ^ (((m)>>3)<<5)); BYTE $(0x05 | ((15-(v))<<3)); BYTE $0x50; BYTE $(0xc0 | (((d)&7)<<3) | ((m)&7))
