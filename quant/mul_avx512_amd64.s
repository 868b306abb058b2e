#include "textflag.h"

// Tile kernels: 16 weight rows times 8, 4 or 1 rows of activations, AVX-512 with VNNI. See the declarations in
// mul_avx512_amd64.go.
//
// SI tile, 64 bytes (16 rows × 4 columns) a step, 512 a block of 32 columns
// DI activations of rows 0 to 3, DX of rows 4 to 7; rows are R8 bytes apart, R9 = 3·R8
// R10 meta of rows 0 to 3, R11 of rows 4 to 7; rows are R8 bytes apart, too
// R13 scales and R12 offsets, 16 rows a group
// AX result, rows BX bytes apart; CX blocks left
//
// Z0-Z7 integer sums of the activation rows, Z8-Z15 their results so far, Z16 weights, Z17 scales, Z18 offsets, Z19 what
// the code has to subtract to get signed weights, Z20 the sign bits of bytes.

DATA off8<>+0(SB)/4, $0x41000000 // 8
GLOBL off8<>(SB), RODATA|NOPTR, $4
DATA off16<>+0(SB)/4, $0x41800000 // 16
GLOBL off16<>(SB), RODATA|NOPTR, $4
DATA off32<>+0(SB)/4, $0x42000000 // 32
GLOBL off32<>(SB), RODATA|NOPTR, $4
DATA off128<>+0(SB)/4, $0x43000000 // 128
GLOBL off128<>(SB), RODATA|NOPTR, $4
DATA signBits<>+0(SB)/4, $0x80808080
GLOBL signBits<>(SB), RODATA|NOPTR, $4

#define ARGS \
	MOVQ y+0(FP), AX       \
	MOVQ stride+8(FP), BX  \
	MOVQ a+16(FP), DI      \
	MOVQ cols+24(FP), R8   \
	MOVQ meta+32(FP), R10  \
	MOVQ w+40(FP), SI      \
	MOVQ d+48(FP), R13     \
	MOVQ m+56(FP), R12     \
	SHLQ $2, BX            \
	LEAQ (R8)(R8*2), R9    \
	LEAQ (DI)(R8*4), DX    \
	LEAQ (R10)(R8*4), R11  \
	MOVQ R8, CX            \
	SHRQ $5, CX

#define ADVANCE(scales) \
	ADDQ $512, SI     \
	ADDQ $32, DI      \
	ADDQ $32, DX      \
	ADDQ $32, R10     \
	ADDQ $32, R11     \
	ADDQ $scales, R13 \
	ADDQ $scales, R12 \
	DECQ CX

#define CLEAR1 VPXOR Y8, Y8, Y8
#define CLEAR4 \
	CLEAR1             \
	VPXOR Y9, Y9, Y9    \
	VPXOR Y10, Y10, Y10 \
	VPXOR Y11, Y11, Y11
#define CLEAR8 \
	CLEAR4             \
	VPXOR Y12, Y12, Y12 \
	VPXOR Y13, Y13, Y13 \
	VPXOR Y14, Y14, Y14 \
	VPXOR Y15, Y15, Y15

#define ZERO1 VPXOR Y0, Y0, Y0
#define ZERO4 \
	ZERO1             \
	VPXOR Y1, Y1, Y1   \
	VPXOR Y2, Y2, Y2   \
	VPXOR Y3, Y3, Y3
#define ZERO8 \
	ZERO4             \
	VPXOR Y4, Y4, Y4   \
	VPXOR Y5, Y5, Y5   \
	VPXOR Y6, Y6, Y6   \
	VPXOR Y7, Y7, Y7

// Four columns, from k, of the weights in Z16 times the activations.
#define DOT1(k) VPDPBUSD.BCST (k)(DI), Z16, Z0
#define DOT4(k) \
	DOT1(k)                            \
	VPDPBUSD.BCST (k)(DI)(R8*1), Z16, Z1 \
	VPDPBUSD.BCST (k)(DI)(R8*2), Z16, Z2 \
	VPDPBUSD.BCST (k)(DI)(R9*1), Z16, Z3
#define DOT8(k) \
	DOT4(k)                            \
	VPDPBUSD.BCST (k)(DX), Z16, Z4       \
	VPDPBUSD.BCST (k)(DX)(R8*1), Z16, Z5 \
	VPDPBUSD.BCST (k)(DX)(R8*2), Z16, Z6 \
	VPDPBUSD.BCST (k)(DX)(R9*1), Z16, Z7

#define STEP(dot, k) \
	VMOVDQU32 (16*(k))(SI), Z16 \
	dot(k)
#define STEPSIGNED(dot, k) \
	VPXORD (16*(k))(SI), Z20, Z16 \
	dot(k)

// 16 columns from k.
#define HALF(step, dot, k) \
	step(dot, k)   \
	step(dot, k+4) \
	step(dot, k+8) \
	step(dot, k+12)

// The ends of a group: acc += d·(da·sum), with the offset · Σa (at t in the meta record) off the sum before (OFF), or the
// minimum · (da·Σa) (at u) added after (MIN). The subtraction is exact: all are integers below 2^24.
#define MIN(rec, sum, acc, t, u) \
	VCVTDQ2PS sum, sum               \
	VMULPS.BCST 0 rec, sum, sum      \
	VFMADD231PS Z17, sum, acc        \
	VFMADD231PS.BCST u rec, Z18, acc
#define OFF(rec, sum, acc, t, u) \
	VCVTDQ2PS sum, sum                \
	VFNMADD231PS.BCST t rec, Z19, sum \
	VMULPS.BCST 0 rec, sum, sum       \
	VFMADD231PS Z17, sum, acc

#define END1(op, t, u) op((R10), Z0, Z8, t, u)
#define END4(op, t, u) \
	END1(op, t, u)                      \
	op((R10)(R8*1), Z1, Z9, t, u)       \
	op((R10)(R8*2), Z2, Z10, t, u)      \
	op((R10)(R9*1), Z3, Z11, t, u)
#define END8(op, t, u) \
	END4(op, t, u)                      \
	op((R11), Z4, Z12, t, u)            \
	op((R11)(R8*1), Z5, Z13, t, u)      \
	op((R11)(R8*2), Z6, Z14, t, u)      \
	op((R11)(R9*1), Z7, Z15, t, u)

// A group of 32.
#define GROUP(zero, dot, end, step, op) \
	zero               \
	HALF(step, dot, 0)  \
	HALF(step, dot, 16) \
	VMOVUPS (R13), Z17 \
	VMOVUPS (R12), Z18 \
	end(op, 4, 16)

// The same where offsets do not exist.
#define GROUPOFF(zero, dot, end, step, op) \
	zero               \
	HALF(step, dot, 0)  \
	HALF(step, dot, 16) \
	VMOVUPS (R13), Z17 \
	end(op, 4, 16)

// Two groups of 16.
#define GROUPS(zero, dot, end, step, op) \
	zero                 \
	HALF(step, dot, 0)    \
	VMOVUPS (R13), Z17   \
	VMOVUPS (R12), Z18   \
	end(op, 8, 20)       \
	zero                 \
	HALF(step, dot, 16)   \
	VMOVUPS 64(R13), Z17 \
	VMOVUPS 64(R12), Z18 \
	end(op, 12, 24)

// The same where offsets do not exist.
#define GROUPSOFF(zero, dot, end, step, op) \
	zero                 \
	HALF(step, dot, 0)    \
	VMOVUPS (R13), Z17   \
	end(op, 8, 20)       \
	zero                 \
	HALF(step, dot, 16)   \
	VMOVUPS 64(R13), Z17 \
	end(op, 12, 24)

#define STORE1 \
	VMOVUPS Z8, (AX)       \
	VZEROUPPER             \
	RET
#define FOUR(a, b, c, d) \
	VMOVUPS a, (AX)        \
	VMOVUPS b, (AX)(BX*1)  \
	VMOVUPS c, (AX)(BX*2)  \
	VMOVUPS d, (AX)(R9*1)
#define STORE4 \
	LEAQ (BX)(BX*2), R9    \
	FOUR(Z8, Z9, Z10, Z11) \
	VZEROUPPER             \
	RET
#define STORE8 \
	LEAQ (BX)(BX*2), R9     \
	FOUR(Z8, Z9, Z10, Z11)  \
	LEAQ (AX)(BX*4), AX     \
	FOUR(Z12, Z13, Z14, Z15) \
	VZEROUPPER              \
	RET

// func tileMin8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMin8VNNI(SB), NOSPLIT, $0-64
	ARGS
	CLEAR8
loop:
	GROUP(ZERO8, DOT8, END8, STEP, MIN)
	ADVANCE(64)
	JNZ loop
	STORE8

// func tileMin4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMin4VNNI(SB), NOSPLIT, $0-64
	ARGS
	CLEAR4
loop:
	GROUP(ZERO4, DOT4, END4, STEP, MIN)
	ADVANCE(64)
	JNZ loop
	STORE4

// func tileMin1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMin1VNNI(SB), NOSPLIT, $0-64
	ARGS
	CLEAR1
loop:
	GROUP(ZERO1, DOT1, END1, STEP, MIN)
	ADVANCE(64)
	JNZ loop
	STORE1

// func tileOff88VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff88VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off8<>(SB), Z19
	CLEAR8
loop:
	GROUPOFF(ZERO8, DOT8, END8, STEP, OFF)
	ADVANCE(64)
	JNZ loop
	STORE8

// func tileOff84VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff84VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off8<>(SB), Z19
	CLEAR4
loop:
	GROUPOFF(ZERO4, DOT4, END4, STEP, OFF)
	ADVANCE(64)
	JNZ loop
	STORE4

// func tileOff81VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff81VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off8<>(SB), Z19
	CLEAR1
loop:
	GROUPOFF(ZERO1, DOT1, END1, STEP, OFF)
	ADVANCE(64)
	JNZ loop
	STORE1

// func tileOff168VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff168VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off16<>(SB), Z19
	CLEAR8
loop:
	GROUPOFF(ZERO8, DOT8, END8, STEP, OFF)
	ADVANCE(64)
	JNZ loop
	STORE8

// func tileOff164VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff164VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off16<>(SB), Z19
	CLEAR4
loop:
	GROUPOFF(ZERO4, DOT4, END4, STEP, OFF)
	ADVANCE(64)
	JNZ loop
	STORE4

// func tileOff161VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff161VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off16<>(SB), Z19
	CLEAR1
loop:
	GROUPOFF(ZERO1, DOT1, END1, STEP, OFF)
	ADVANCE(64)
	JNZ loop
	STORE1

// func tileOff1288VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff1288VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Z19
	CLEAR8
loop:
	GROUPOFF(ZERO8, DOT8, END8, STEP, OFF)
	ADVANCE(64)
	JNZ loop
	STORE8

// func tileOff1284VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff1284VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Z19
	CLEAR4
loop:
	GROUPOFF(ZERO4, DOT4, END4, STEP, OFF)
	ADVANCE(64)
	JNZ loop
	STORE4

// func tileOff1281VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff1281VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Z19
	CLEAR1
loop:
	GROUPOFF(ZERO1, DOT1, END1, STEP, OFF)
	ADVANCE(64)
	JNZ loop
	STORE1

// func tileHalf8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileHalf8VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off32<>(SB), Z19
	CLEAR8
loop:
	GROUPSOFF(ZERO8, DOT8, END8, STEP, OFF)
	ADVANCE(128)
	JNZ loop
	STORE8

// func tileMinHalf8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinHalf8VNNI(SB), NOSPLIT, $0-64
	ARGS
	CLEAR8
loop:
	GROUPS(ZERO8, DOT8, END8, STEP, MIN)
	ADVANCE(128)
	JNZ loop
	STORE8

// func tileHalf4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileHalf4VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off32<>(SB), Z19
	CLEAR4
loop:
	GROUPSOFF(ZERO4, DOT4, END4, STEP, OFF)
	ADVANCE(128)
	JNZ loop
	STORE4

// func tileMinHalf4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinHalf4VNNI(SB), NOSPLIT, $0-64
	ARGS
	CLEAR4
loop:
	GROUPS(ZERO4, DOT4, END4, STEP, MIN)
	ADVANCE(128)
	JNZ loop
	STORE4

// func tileHalf1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileHalf1VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off32<>(SB), Z19
	CLEAR1
loop:
	GROUPSOFF(ZERO1, DOT1, END1, STEP, OFF)
	ADVANCE(128)
	JNZ loop
	STORE1

// func tileMinHalf1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinHalf1VNNI(SB), NOSPLIT, $0-64
	ARGS
	CLEAR1
loop:
	GROUPS(ZERO1, DOT1, END1, STEP, MIN)
	ADVANCE(128)
	JNZ loop
	STORE1

// func tileSigned8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSigned8VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Z19
	VPBROADCASTD signBits<>(SB), Z20
	CLEAR8
loop:
	GROUPOFF(ZERO8, DOT8, END8, STEPSIGNED, OFF)
	ADVANCE(64)
	JNZ loop
	STORE8

// func tileSigned4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSigned4VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Z19
	VPBROADCASTD signBits<>(SB), Z20
	CLEAR4
loop:
	GROUPOFF(ZERO4, DOT4, END4, STEPSIGNED, OFF)
	ADVANCE(64)
	JNZ loop
	STORE4

// func tileSigned1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSigned1VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Z19
	VPBROADCASTD signBits<>(SB), Z20
	CLEAR1
loop:
	GROUPOFF(ZERO1, DOT1, END1, STEPSIGNED, OFF)
	ADVANCE(64)
	JNZ loop
	STORE1

// func tileSignedHalf8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedHalf8VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Z19
	VPBROADCASTD signBits<>(SB), Z20
	CLEAR8
loop:
	GROUPSOFF(ZERO8, DOT8, END8, STEPSIGNED, OFF)
	ADVANCE(128)
	JNZ loop
	STORE8

// func tileSignedHalf4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedHalf4VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Z19
	VPBROADCASTD signBits<>(SB), Z20
	CLEAR4
loop:
	GROUPSOFF(ZERO4, DOT4, END4, STEPSIGNED, OFF)
	ADVANCE(128)
	JNZ loop
	STORE4

// func tileSignedHalf1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedHalf1VNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Z19
	VPBROADCASTD signBits<>(SB), Z20
	CLEAR1
loop:
	GROUPSOFF(ZERO1, DOT1, END1, STEPSIGNED, OFF)
	ADVANCE(128)
	JNZ loop
	STORE1

// func unpackQ8_0VNNI(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ8_0VNNI(SB), NOSPLIT, $0-40
	MOVQ q+0(FP), DI
	MOVQ d+8(FP), R8
	MOVQ src+24(FP), SI
	MOVQ blocks+32(FP), CX
	VPBROADCASTD signBits<>(SB), Y15
loop:
	VPXOR 2(SI), Y15, Y0
	VMOVDQU Y0, (DI)
	VPBROADCASTW (SI), X2
	VCVTPH2PS X2, X2
	VMOVSS X2, (R8)
	ADDQ $34, SI
	ADDQ $32, DI
	ADDQ $4, R8
	DECQ CX
	JNZ loop
	VZEROUPPER
	RET
