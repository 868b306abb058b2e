#include "textflag.h"
#include "neon_arm64.h"

// Tile kernels with SMMLA: 8 weight rows times 4 packed rows of activations, and with SDOT 1 row. See the declarations in
// mul_i8mm_arm64.go.
//
// R0 result, its rows R1 bytes apart; R2 activations, R6 meta; R10 tile, R11 scales, R12 offsets; R13 blocks left.
//
// An SMMLA adds the products of two rows of activations and two of weights, 8 columns each, to a 2×2 block of sums. V0-V3 are
// the blocks of the first two rows of activations, V4-V7 those of the other two, V8-V15 the results so far alike. V16-V19 are
// activations, then scales, each pair twice; V20-V27 weights, then V20 V21 the activations' scales, V22 V23 their sums and
// V24-V27 offsets.

#define FOURARGS \
	MOVD y+0(FP), R0       \
	MOVD stride+8(FP), R1  \
	MOVD a+16(FP), R2      \
	MOVD cols+24(FP), R13  \
	MOVD meta+32(FP), R6   \
	MOVD w+40(FP), R10     \
	MOVD d+48(FP), R11     \
	MOVD m+56(FP), R12     \
	LSL $2, R1, R1         \
	LSR $5, R13, R13

#define ZERO4(a, b, c, d) \
	ZERO(a) \
	ZERO(b) \
	ZERO(c) \
	ZERO(d)

#define ZERO8 \
	ZERO4(V0, V1, V2, V3) \
	ZERO4(V4, V5, V6, V7)

#define CLEAR8 \
	ZERO4(V8, V9, V10, V11) \
	ZERO4(V12, V13, V14, V15)

// 8 columns: activations p0 and p1, weights w0 to w3.
#define EIGHT(p0, p1, w0, w1, w2, w3) \
	SMMLA(0, p0, w0) \
	SMMLA(1, p0, w1) \
	SMMLA(2, p0, w2) \
	SMMLA(3, p0, w3) \
	SMMLA(4, p1, w0) \
	SMMLA(5, p1, w1) \
	SMMLA(6, p1, w2) \
	SMMLA(7, p1, w3)

#define LOADA(a, b, c, d) VLD1.P 64(R2), [a.B16, b.B16, c.B16, d.B16]
#define LOADW(a, b, c, d) VLD1.P 64(R10), [a.B16, b.B16, c.B16, d.B16]

#define SUMS32 \
	LOADA(V16, V17, V18, V19)     \
	LOADW(V20, V21, V22, V23)     \
	LOADW(V24, V25, V26, V27)     \
	LOADA(V28, V29, V30, V31)     \
	ZERO8                         \
	EIGHT(16, 17, 20, 21, 22, 23) \
	LOADW(V20, V21, V22, V23)     \
	EIGHT(18, 19, 24, 25, 26, 27) \
	LOADW(V24, V25, V26, V27)     \
	EIGHT(28, 29, 20, 21, 22, 23) \
	EIGHT(30, 31, 24, 25, 26, 27)

#define SUMS16 \
	LOADA(V16, V17, V18, V19)     \
	LOADW(V20, V21, V22, V23)     \
	LOADW(V24, V25, V26, V27)     \
	ZERO8                         \
	EIGHT(16, 17, 20, 21, 22, 23) \
	EIGHT(18, 19, 24, 25, 26, 27)

#define PAIRS(ptr, a, b, c, d) \
	VLD1R.P 8(ptr), [a.D2] \
	VLD1R.P 8(ptr), [b.D2] \
	VLD1R.P 8(ptr), [c.D2] \
	VLD1R.P 8(ptr), [d.D2]

// acc += d·(da·sum)
#define PART(s, acc, d, da) \
	SCVTF(s, s)    \
	FMUL(s, s, da) \
	FMLA(acc, s, d)

#define END \
	PAIRS(R11, V16, V17, V18, V19) \
	FLDPQ (R6), (F20, F21) \
	PART(0, 8, 16, 20)     \
	PART(1, 9, 17, 20)     \
	PART(2, 10, 18, 20)    \
	PART(3, 11, 19, 20)    \
	PART(4, 12, 16, 21)    \
	PART(5, 13, 17, 21)    \
	PART(6, 14, 18, 21)    \
	PART(7, 15, 19, 21)

// The same, and acc += m·(da·Σa), whose factors are at bytes t of the meta.
#define ENDMIN(t) \
	PAIRS(R12, V24, V25, V26, V27) \
	FLDPQ t(R6), (F22, F23) \
	END             \
	FMLA(8, 24, 22)  \
	FMLA(9, 25, 22)  \
	FMLA(10, 26, 22) \
	FMLA(11, 27, 22) \
	FMLA(12, 24, 23) \
	FMLA(13, 25, 23) \
	FMLA(14, 26, 23) \
	FMLA(15, 27, 23)

// Two rows of results from their 2×2 blocks.
#define STORE2(a, b, c, d) \
	VZIP1 b.D2, a.D2, V0.D2   \
	VZIP1 d.D2, c.D2, V1.D2   \
	VST1 [V0.S4, V1.S4], (R0) \
	ADD R1, R0, R0            \
	VZIP2 b.D2, a.D2, V0.D2   \
	VZIP2 d.D2, c.D2, V1.D2   \
	VST1 [V0.S4, V1.S4], (R0)

#define STORE4 \
	STORE2(V8, V9, V10, V11)   \
	ADD R1, R0, R0             \
	STORE2(V12, V13, V14, V15) \
	RET

#define NEXTBLOCK4 \
	ADD $128, R6, R6 \
	SUBS $1, R13, R13

// func tile32FourI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32FourI8MM(SB), NOSPLIT, $0-64
	FOURARGS
	CLEAR8
loop:
	SUMS32
	END
	NEXTBLOCK4
	BNE loop
	STORE4

// func tile32MinFourI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32MinFourI8MM(SB), NOSPLIT, $0-64
	FOURARGS
	CLEAR8
loop:
	SUMS32
	ENDMIN(32)
	NEXTBLOCK4
	BNE loop
	STORE4

// func tile16FourI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16FourI8MM(SB), NOSPLIT, $0-64
	FOURARGS
	CLEAR8
loop:
	SUMS16
	END
	SUMS16
	END
	NEXTBLOCK4
	BNE loop
	STORE4

// func tile16MinFourI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16MinFourI8MM(SB), NOSPLIT, $0-64
	FOURARGS
	CLEAR8
loop:
	SUMS16
	ENDMIN(64)
	SUMS16
	ENDMIN(96)
	NEXTBLOCK4
	BNE loop
	STORE4

// One row, not packed: two sums of each weight row in V0-V3, then its one in V0 V1. V8 V9 results so far, V16 activations,
// twice, V20-V23 weights.
#define STEP1 \
	VLD1R.P 8(R2), [V16.D2]   \
	LOADW(V20, V21, V22, V23) \
	SDOT(0, 20, 16)           \
	SDOT(1, 21, 16)           \
	SDOT(2, 22, 16)           \
	SDOT(3, 23, 16)

#define JOIN1 \
	ADDP(0, 0, 1) \
	ADDP(1, 2, 3)

#define GROUP1(load) \
	JOIN1    \
	SCALES   \
	load(R6) \
	PRODUCT(0, 1, 8, 9)

#define GROUPMIN1(load, lane) \
	GROUP1(load) \
	OFFSETS      \
	MINIMUM(lane, 8, 9)

#define HALF1 \
	ZERO4(V0, V1, V2, V3) \
	STEP1 \
	STEP1

#define WHOLE1 \
	HALF1 \
	STEP1 \
	STEP1

#define NEXTBLOCK1 \
	SUBS $1, R13, R13         \
	BNE loop                  \
	VST1 [V8.S4, V9.S4], (R0) \
	RET

// func tile32OneI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32OneI8MM(SB), NOSPLIT, $0-64
	ARGS1
	ZERO(V8)
	ZERO(V9)
loop:
	WHOLE1
	GROUP1(STEP)
	NEXTBLOCK1

// func tile32MinOneI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32MinOneI8MM(SB), NOSPLIT, $0-64
	ARGS1
	ZERO(V8)
	ZERO(V9)
loop:
	WHOLE1
	GROUPMIN1(STEP, 0)
	NEXTBLOCK1

// func tile16OneI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16OneI8MM(SB), NOSPLIT, $0-64
	ARGS1
	ZERO(V8)
	ZERO(V9)
loop:
	HALF1
	GROUP1(STAY)
	HALF1
	GROUP1(STEP)
	NEXTBLOCK1

// func tile16MinOneI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16MinOneI8MM(SB), NOSPLIT, $0-64
	ARGS1
	ZERO(V8)
	ZERO(V9)
loop:
	HALF1
	GROUPMIN1(STAY, 1)
	HALF1
	GROUPMIN1(STEP, 2)
	NEXTBLOCK1

// Two rows: eight columns of each to their places in two steps of the tile.
#define WEAVE(a, b, to, next) \
	VZIP1 b.D2, a.D2, to.D2   \
	VZIP2 b.D2, a.D2, next.D2

// func eightsNEON(dst, src *uint64, stride, n int)
TEXT ·eightsNEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R4
	MOVD stride+16(FP), R2
	MOVD n+24(FP), R3
	LSL $3, R2, R2
	ADD R2, R4, R5
	ADD R2, R5, R6
	ADD R2, R6, R7
	ADD R2, R7, R8
	ADD R2, R8, R9
	ADD R2, R9, R10
	ADD R2, R10, R11
loop:
	VLD1.P 16(R4), [V0.B16]
	VLD1.P 16(R5), [V1.B16]
	VLD1.P 16(R6), [V2.B16]
	VLD1.P 16(R7), [V3.B16]
	VLD1.P 16(R8), [V4.B16]
	VLD1.P 16(R9), [V5.B16]
	VLD1.P 16(R10), [V6.B16]
	VLD1.P 16(R11), [V7.B16]
	WEAVE(V0, V1, V16, V20)
	WEAVE(V2, V3, V17, V21)
	WEAVE(V4, V5, V18, V22)
	WEAVE(V6, V7, V19, V23)
	VST1.P [V16.B16, V17.B16, V18.B16, V19.B16], 64(R0)
	VST1.P [V20.B16, V21.B16, V22.B16, V23.B16], 64(R0)
	SUBS $2, R3, R3
	BNE loop
	RET
