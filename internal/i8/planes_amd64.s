#include "textflag.h"

// Codes in planes, 32 bytes of a plane at a time. Y15: 3 in each byte, Y14: 4, Y13: all bits if codes are doubled, Y12: what is taken off
// them then.

DATA threes<>+0(SB)/8, $0x0303030303030303
GLOBL threes<>(SB), RODATA|NOPTR, $8
DATA fours<>+0(SB)/8, $0x0404040404040404
GLOBL fours<>(SB), RODATA|NOPTR, $8

#define ARGS \
	MOVQ dst+0(FP), DI           \
	MOVQ src+8(FP), SI           \
	MOVQ n+16(FP), R8            \
	LEAQ (R8)(R8*2), R9          \
	MOVQ R8, CX                  \
	VPBROADCASTQ threes<>(SB), Y15 \
	VPBROADCASTQ fours<>(SB), Y14 \
	VPBROADCASTB twice+24(FP), Y13 \
	VPBROADCASTB less+32(FP), Y12

// Y1 = the codes, or twice them less something, to an address.
#define OUT(at) \
	VPAND Y13, Y1, Y2  \
	VPADDB Y2, Y1, Y1  \
	VPSUBB Y12, Y1, Y1 \
	VMOVDQU Y1, at

// func planes2AVX2(dst *int8, src *byte, n, twice, less int)
TEXT ·planes2AVX2(SB), NOSPLIT, $0-40
	ARGS
loop:
	PREFETCHT1 16384(SI)
	PREFETCHT0 2048(SI)
	VMOVDQU (SI), Y0
	VPAND Y15, Y0, Y1
	OUT((DI))
	VPSRLW $2, Y0, Y1
	VPAND Y15, Y1, Y1
	OUT((DI)(R8*1))
	VPSRLW $4, Y0, Y1
	VPAND Y15, Y1, Y1
	OUT((DI)(R8*2))
	VPSRLW $6, Y0, Y1
	VPAND Y15, Y1, Y1
	OUT((DI)(R9*1))
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $32, CX
	JNZ loop
	VZEROUPPER
	RET

// An eighth of the codes: low bits from x, shifted, the highest from Y5, shifted, to an address.
#define EIGHTH(x, right, shift, by, at) \
	VPSRLW $right, x, Y1 \
	VPAND Y15, Y1, Y1    \
	shift $by, Y5, Y3    \
	VPAND Y14, Y3, Y3    \
	VPOR Y3, Y1, Y1      \
	OUT(at)

// func planes3AVX2(dst *int8, src *byte, n, twice, less int)
TEXT ·planes3AVX2(SB), NOSPLIT, $0-40
	ARGS
	LEAQ (DI)(R8*4), R10
	LEAQ (SI)(R8*2), R11
loop:
	PREFETCHT1 16384(SI)
	PREFETCHT1 16384(SI)(R8*1)
	PREFETCHT1 16384(R11)
	VMOVDQU (SI), Y0
	VMOVDQU (SI)(R8*1), Y4
	VMOVDQU (R11), Y5
	EIGHTH(Y0, 0, VPSLLW, 2, (DI))
	EIGHTH(Y4, 0, VPSLLW, 1, (DI)(R8*1))
	EIGHTH(Y0, 2, VPSLLW, 0, (DI)(R8*2))
	EIGHTH(Y4, 2, VPSRLW, 1, (DI)(R9*1))
	EIGHTH(Y0, 4, VPSRLW, 2, (R10))
	EIGHTH(Y4, 4, VPSRLW, 3, (R10)(R8*1))
	EIGHTH(Y0, 6, VPSRLW, 4, (R10)(R8*2))
	EIGHTH(Y4, 6, VPSRLW, 5, (R10)(R9*1))
	ADDQ $32, SI
	ADDQ $32, R11
	ADDQ $32, DI
	ADDQ $32, R10
	SUBQ $32, CX
	JNZ loop
	VZEROUPPER
	RET
