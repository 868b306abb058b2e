#include "textflag.h"
#include "neon_arm64.h"

// Products of one quantised row with panels on any arm64 CPU, half a panel at a time. See the declarations in i8_arm64.go.
//
// R10 panels, 64 bytes (16 rows × 4 columns) a step; R11 their scales; R2 integers of the row, R6 its meta
// R0 result; R13 groups left; R14 panels left; R15 dim
//
// Two products of at most 128·127 fit 16 bits, then pairs are added into 32. V0-V3 hold two sums for each of two panel rows,
// V8 V9 results so far, V16 integers of the row, V18-V21 two steps of half a panel.

#define PAIR(lane, next) \
	VLD1 (R10), [V18.B16, V19.B16] \
	ADD $64, R10, R10              \
	VLD1 (R10), [V20.B16, V21.B16] \
	ADD $64, R10, R10              \
	VDUP V16.S[lane], V24.S4 \
	VDUP V16.S[next], V25.S4 \
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

// 16 columns.
#define HALF \
	VLD1.P 16(R2), [V16.B16] \
	PAIR(0, 1) \
	PAIR(2, 3)

// The integer sums of a group as floats in V0 and V1, and its meta in V28.
#define GROUP \
	ZERO(V0) \
	ZERO(V1) \
	ZERO(V2) \
	ZERO(V3) \
	HALF     \
	HALF     \
	ADDP(0, 0, 1) \
	ADDP(1, 2, 3) \
	SCVTF(0, 0)   \
	SCVTF(1, 1)   \
	FMOVD.P 8(R6), F28

#define DOTARGS \
	MOVD s+0(FP), R0        \
	MOVD w+32(FP), R10      \
	MOVD d+40(FP), R11      \
	MOVD dim+48(FP), R15    \
	MOVD panels+56(FP), R14

#define MULARGS \
	MOVD y+0(FP), R0        \
	MOVD w+32(FP), R10      \
	MOVD dim+40(FP), R15    \
	MOVD panels+48(FP), R14

#define ROW(q) \
	MOVD q+16(FP), R2    \
	MOVD meta+24(FP), R6 \
	LSR $5, R15, R13

// From the end of a panel's first half to the start of its second, and from there to the next panel.
#define HIGH SUB R15<<4, R10, R10 \
	ADD $32, R10, R10
#define NEXT SUB $32, R10, R10

#define DOTHALF(group) \
	ROW(q)   \
	ZERO(V8) \
	ZERO(V9) \
group:       \
	GROUP    \
	VLD1 (R11), [V26.H8] \
	ADD $32, R11, R11 \
	FCVTL(24, 26)     \
	FCVTL2(25, 26)    \
	FMULL(0, 0, 28, 0) \
	FMULL(1, 1, 28, 0) \
	FMLA(8, 0, 24)    \
	FMLA(9, 1, 25)    \
	SUBS $1, R13, R13 \
	BNE group         \
	VST1.P [V8.S4, V9.S4], 32(R0)

#define MULHALF(group) \
	ROW(p) \
	VLD1 (R0), [V8.S4, V9.S4] \
group:     \
	GROUP  \
	FMLAL(8, 0, 28, 0) \
	FMLAL(9, 1, 28, 0) \
	SUBS $1, R13, R13 \
	BNE group         \
	VST1.P [V8.S4, V9.S4], 32(R0)

// func dot1NEON(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot1NEON(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	DOTHALF(low)
	HIGH
	SUB R15, R11, R11
	ADD $16, R11, R11
	DOTHALF(high)
	NEXT
	SUB $16, R11, R11
	SUBS $1, R14, R14
	BNE panel
	RET

// func mulAdd1NEON(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd1NEON(SB), NOSPLIT, $0-56
	MULARGS
panel:
	MULHALF(low)
	HIGH
	MULHALF(high)
	NEXT
	SUBS $1, R14, R14
	BNE panel
	RET
