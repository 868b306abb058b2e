#include "textflag.h"
#include "neon_arm64.h"

// Tile kernels for any arm64 CPU: 8 weight rows times 4 or 1 rows of activations. See the declarations in mul_arm64.go.
//
// For weights of up to 5 bits in groups of 32 and 6 bits in groups of 16 (8·31·127 = 31496, 4·63·127 = 32004), the sums
// of a group fit 16 bits: V0-V15, four registers an activation row, and one lane for every fourth column. V16-V23 are
// the results so far, V24 V25 weights, V26-V29 activations, V30 four of them.

#define CLEAR4 \
	ZERO(V16) \
	ZERO(V17) \
	ZERO(V18) \
	ZERO(V19) \
	ZERO(V20) \
	ZERO(V21) \
	ZERO(V22) \
	ZERO(V23)

#define CLEAR1 \
	ZERO(V16) \
	ZERO(V17)

#define FIRST(row, lane, s0, s1, s2, s3) \
	VDUP row.S[lane], V30.S4 \
	SMULL(s0, 24, 30)  \
	SMULL2(s1, 24, 30) \
	SMULL(s2, 25, 30)  \
	SMULL2(s3, 25, 30)

#define NEXT(row, lane, s0, s1, s2, s3) \
	VDUP row.S[lane], V30.S4 \
	SMLAL(s0, 24, 30)  \
	SMLAL2(s1, 24, 30) \
	SMLAL(s2, 25, 30)  \
	SMLAL2(s3, 25, 30)

#define STEP4(op, lane) \
	VLD1.P 32(R10), [V24.B16, V25.B16] \
	op(V26, lane, 0, 1, 2, 3)   \
	op(V27, lane, 4, 5, 6, 7)   \
	op(V28, lane, 8, 9, 10, 11) \
	op(V29, lane, 12, 13, 14, 15)

// 16 columns of 4 rows of activations.
#define DOT4(op) \
	VLD1.P 16(R2), [V26.B16] \
	VLD1.P 16(R3), [V27.B16] \
	VLD1.P 16(R4), [V28.B16] \
	VLD1.P 16(R5), [V29.B16] \
	STEP4(op, 0)   \
	STEP4(NEXT, 1) \
	STEP4(NEXT, 2) \
	STEP4(NEXT, 3)

#define STEP1(op, lane) \
	VLD1.P 32(R10), [V24.B16, V25.B16] \
	op(V26, lane, 0, 1, 2, 3)

#define DOT1(op) \
	VLD1.P 16(R2), [V26.B16] \
	STEP1(op, 0)   \
	STEP1(NEXT, 1) \
	STEP1(NEXT, 2) \
	STEP1(NEXT, 3)

// The four columns' sums of 8 rows to one each, in 32 bits, in s0 and s1.
#define JOIN(s0, s1, s2, s3) \
	SADDLP(s0, s0)   \
	SADDLP(s1, s1)   \
	SADDLP(s2, s2)   \
	SADDLP(s3, s3)   \
	ADDP(s0, s0, s1) \
	ADDP(s1, s2, s3)

#define ROW(load, row, s0, s1, s2, s3, acc0, acc1) \
	JOIN(s0, s1, s2, s3) \
	load(row) \
	PRODUCT(s0, s1, acc0, acc1)

#define GROUP4(load) \
	SCALES \
	ROW(load, R6, 0, 1, 2, 3, 16, 17)    \
	ROW(load, R7, 4, 5, 6, 7, 18, 19)    \
	ROW(load, R8, 8, 9, 10, 11, 20, 21)  \
	ROW(load, R9, 12, 13, 14, 15, 22, 23)

#define GROUPMIN4(load, lane) \
	SCALES  \
	OFFSETS \
	ROW(load, R6, 0, 1, 2, 3, 16, 17)     \
	MINIMUM(lane, 16, 17)                 \
	ROW(load, R7, 4, 5, 6, 7, 18, 19)     \
	MINIMUM(lane, 18, 19)                 \
	ROW(load, R8, 8, 9, 10, 11, 20, 21)   \
	MINIMUM(lane, 20, 21)                 \
	ROW(load, R9, 12, 13, 14, 15, 22, 23) \
	MINIMUM(lane, 22, 23)

#define GROUP1(load) \
	SCALES \
	ROW(load, R6, 0, 1, 2, 3, 16, 17)

#define GROUPMIN1(load, lane) \
	GROUP1(load) \
	OFFSETS      \
	MINIMUM(lane, 16, 17)

#define STORE4 \
	VST1 [V16.S4, V17.S4], (R0) \
	ADD R1, R0, R0              \
	VST1 [V18.S4, V19.S4], (R0) \
	ADD R1, R0, R0              \
	VST1 [V20.S4, V21.S4], (R0) \
	ADD R1, R0, R0              \
	VST1 [V22.S4, V23.S4], (R0) \
	RET

#define STORE1 \
	VST1 [V16.S4, V17.S4], (R0) \
	RET

// func tile32FourNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32FourNEON(SB), NOSPLIT, $0-64
	ARGS4
	CLEAR4
loop:
	DOT4(FIRST)
	DOT4(NEXT)
	GROUP4(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE4

// func tile32MinFourNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32MinFourNEON(SB), NOSPLIT, $0-64
	ARGS4
	CLEAR4
loop:
	DOT4(FIRST)
	DOT4(NEXT)
	GROUPMIN4(STEP, 0)
	SUBS $1, R13, R13
	BNE loop
	STORE4

// func tile16FourNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16FourNEON(SB), NOSPLIT, $0-64
	ARGS4
	CLEAR4
loop:
	DOT4(FIRST)
	GROUP4(STAY)
	DOT4(FIRST)
	GROUP4(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE4

// func tile16MinFourNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16MinFourNEON(SB), NOSPLIT, $0-64
	ARGS4
	CLEAR4
loop:
	DOT4(FIRST)
	GROUPMIN4(STAY, 1)
	DOT4(FIRST)
	GROUPMIN4(STEP, 2)
	SUBS $1, R13, R13
	BNE loop
	STORE4

// func tile32OneNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32OneNEON(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	DOT1(FIRST)
	DOT1(NEXT)
	GROUP1(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE1

// func tile32MinOneNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32MinOneNEON(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	DOT1(FIRST)
	DOT1(NEXT)
	GROUPMIN1(STEP, 0)
	SUBS $1, R13, R13
	BNE loop
	STORE1

// func tile16OneNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16OneNEON(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	DOT1(FIRST)
	GROUP1(STAY)
	DOT1(FIRST)
	GROUP1(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE1

// func tile16MinOneNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16MinOneNEON(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	DOT1(FIRST)
	GROUPMIN1(STAY, 1)
	DOT1(FIRST)
	GROUPMIN1(STEP, 2)
	SUBS $1, R13, R13
	BNE loop
	STORE1

// Any weights: two products of at most 128·127 fit 16 bits, then pairs are added into 32. V0-V3 hold two sums for each
// of two rows.
#define WIDE2(lane, next) \
	VLD1.P 64(R10), [V18.B16, V19.B16, V20.B16, V21.B16] \
	VDUP V26.S[lane], V24.S4 \
	VDUP V26.S[next], V25.S4 \
	SMULL(28, 18, 24)  \
	SMULL2(29, 18, 24) \
	SMULL(30, 19, 24)  \
	SMULL2(31, 19, 24) \
	SMLAL(28, 20, 25)  \
	SMLAL2(29, 20, 25) \
	SMLAL(30, 21, 25)  \
	SMLAL2(31, 21, 25) \
	SADALP(0, 28) \
	SADALP(1, 29) \
	SADALP(2, 30) \
	SADALP(3, 31)

#define WIDE16 \
	VLD1.P 16(R2), [V26.B16] \
	WIDE2(0, 1) \
	WIDE2(2, 3)

#define WIDEZERO \
	ZERO(V0) \
	ZERO(V1) \
	ZERO(V2) \
	ZERO(V3)

#define WIDEGROUP(load) \
	ADDP(0, 0, 1) \
	ADDP(1, 2, 3) \
	SCALES  \
	load(R6) \
	PRODUCT(0, 1, 16, 17)

// func tile32WideNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32WideNEON(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	WIDEZERO
	WIDE16
	WIDE16
	WIDEGROUP(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE1

// func tile16WideNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16WideNEON(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	WIDEZERO
	WIDE16
	WIDEGROUP(STAY)
	WIDEZERO
	WIDE16
	WIDEGROUP(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE1
