#include "textflag.h"

// Tiles of four rows of weights by up to six rows of activations: Z(4a+r) are the lanes of row a of x and row r of w, Z24–Z27
// a vector of each row of w, Z28–Z31 of rows of x.
//
// DI: lanes. SI, R12: rows 0 and 3 of x where they are read, R13 bytes apart. R8, R10: rows 0 and 3 of w, R9 bytes apart. DX:
// vectors left. R11: groups of four rows left. AX: row 0 of x. BX: row 0 of w of the group.

// op(a, row of x, a vector, lanes)
#define ACTS1(op) op(0, (SI), Z28, Z0, Z1, Z2, Z3)
#define ACTS2(op) \
	ACTS1(op) \
	op(256, (SI)(R13*1), Z29, Z4, Z5, Z6, Z7)
#define ACTS3(op) \
	ACTS2(op) \
	op(512, (SI)(R13*2), Z30, Z8, Z9, Z10, Z11)
#define ACTS4(op) \
	ACTS3(op) \
	op(768, (R12), Z31, Z12, Z13, Z14, Z15)
#define ACTS5(op) \
	ACTS4(op) \
	op(1024, (R12)(R13*1), Z28, Z16, Z17, Z18, Z19)
#define ACTS6(op) \
	ACTS5(op) \
	op(1280, (R12)(R13*2), Z29, Z20, Z21, Z22, Z23)

#define ZERO(at, x, t, z0, z1, z2, z3) \
	VPXORD z0, z0, z0 \
	VPXORD z1, z1, z1 \
	VPXORD z2, z2, z2 \
	VPXORD z3, z3, z3
#define LOAD(at, x, t, z0, z1, z2, z3) \
	VMOVUPS (at+0)(DI), z0   \
	VMOVUPS (at+64)(DI), z1  \
	VMOVUPS (at+128)(DI), z2 \
	VMOVUPS (at+192)(DI), z3
#define STORE(at, x, t, z0, z1, z2, z3) \
	VMOVUPS z0, (at+0)(DI)   \
	VMOVUPS z1, (at+64)(DI)  \
	VMOVUPS z2, (at+128)(DI) \
	VMOVUPS z3, (at+192)(DI)
#define FMAS(at, x, t, z0, z1, z2, z3) \
	VMOVUPS x, t             \
	VFMADD231PS Z24, t, z0   \
	VFMADD231PS Z25, t, z1   \
	VFMADD231PS Z26, t, z2   \
	VFMADD231PS Z27, t, z3

#define FLOAT4 \
	VMOVUPS (R8), Z24         \
	VMOVUPS (R8)(R9*1), Z25   \
	VMOVUPS (R8)(R9*2), Z26   \
	VMOVUPS (R10), Z27
#define HALF4 \
	VCVTPH2PS (R8), Z24       \
	VCVTPH2PS (R8)(R9*1), Z25 \
	VCVTPH2PS (R8)(R9*2), Z26 \
	VCVTPH2PS (R10), Z27
#define BRAIN4 \
	VPMOVZXWD (R8), Z24       \
	VPMOVZXWD (R8)(R9*1), Z25 \
	VPMOVZXWD (R8)(R9*2), Z26 \
	VPMOVZXWD (R10), Z27      \
	VPSLLD $16, Z24, Z24      \
	VPSLLD $16, Z25, Z25      \
	VPSLLD $16, Z26, Z26      \
	VPSLLD $16, Z27, Z27

// R14 runs through the next group and 4 KB beyond, once for these rows: to the second cache, for on its way to the first a line holds a place that
// others wait for (Zen 4, one thread, F16: 12 GB/s with PREFETCHT0 or none, 16 with this).
#define NONE
#define AHEAD2 \
	PREFETCHT1 (R14)   \
	PREFETCHT1 64(R14) \
	ADDQ $128, R14
#define AHEAD4 \
	PREFETCHT1 (R14)    \
	PREFETCHT1 64(R14)  \
	PREFETCHT1 128(R14) \
	PREFETCHT1 192(R14) \
	ADDQ $256, R14

#define GROUPS(acts, count, ahead, fetch, size, group, more, loop) \
group:                       \
	MOVQ AX, SI              \
	LEAQ (R13)(R13*2), R12   \
	ADDQ SI, R12             \
	MOVQ BX, R8              \
	LEAQ (R9)(R9*2), R10     \
	ADDQ R8, R10             \
	LEAQ (R8)(R9*4), BX      \
	LEAQ 4096(BX), R14       \
	MOVQ k+40(FP), DX        \
	CMPB first+64(FP), $0    \
	JEQ  more                \
	acts(ZERO)               \
	JMP  loop                \
more:                        \
	acts(LOAD)               \
loop:                        \
	ahead                    \
	fetch                    \
	acts(FMAS)               \
	ADDQ $size, R8           \
	ADDQ $size, R10          \
	ADDQ $64, SI             \
	ADDQ $64, R12            \
	DECQ DX                  \
	JNZ  loop                \
	acts(STORE)              \
	ADDQ $(256*count), DI    \
	DECQ R11                 \
	JNZ  group               \
	VZEROUPPER               \
	RET

#define TILE(fetch, size, ahead) \
	MOVQ s+0(FP), DI       \
	MOVQ x+8(FP), AX       \
	MOVQ ldx+16(FP), R13   \
	MOVQ w+24(FP), BX      \
	MOVQ ldw+32(FP), R9    \
	MOVQ acts+48(FP), CX   \
	MOVQ groups+56(FP), R11 \
	CMPQ CX, $3            \
	JLT  below3            \
	JEQ  group3            \
	CMPQ CX, $5            \
	JLT  group4            \
	JEQ  group5            \
	GROUPS(ACTS6, 6, NONE, fetch, size, group6, more6, loop6) \
	GROUPS(ACTS5, 5, NONE, fetch, size, group5, more5, loop5) \
	GROUPS(ACTS4, 4, ahead, fetch, size, group4, more4, loop4) \
	GROUPS(ACTS3, 3, ahead, fetch, size, group3, more3, loop3) \
below3:                    \
	CMPQ CX, $1            \
	JEQ  group1            \
	GROUPS(ACTS2, 2, ahead, fetch, size, group2, more2, loop2) \
	GROUPS(ACTS1, 1, ahead, fetch, size, group1, more1, loop1)

// func dotTileAVX512(s, x *float32, ldx int, w *float32, ldw, k, acts, groups int, first bool)
TEXT ·dotTileAVX512(SB), NOSPLIT, $0-65
	TILE(FLOAT4, 64, AHEAD4)

// func dotTileF16AVX512(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)
TEXT ·dotTileF16AVX512(SB), NOSPLIT, $0-65
	TILE(HALF4, 32, AHEAD2)

// func dotTileBF16AVX512(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)
TEXT ·dotTileBF16AVX512(SB), NOSPLIT, $0-65
	TILE(BRAIN4, 32, AHEAD2)
