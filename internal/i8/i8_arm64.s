#include "textflag.h"
#include "neon_arm64.h"

// Products of 4, 3, 2 or 1 quantised rows with panels with SDOT, half a panel at a time. See the declarations in i8_arm64.go.
//
// R10 panels, 64 bytes (16 rows × 4 columns) a step; R11 their scales
// R2-R5 integers of the rows, R6-R9 their meta
// R0 result, rows R1 bytes apart; R13 groups left; R14 panels left; R15 dim; R16, R17, R19, R20 scratch
//
// V0-V7 integer sums (two registers a row), V8-V15 results so far, V16-V19 integers of the rows, V20 V21 half a panel, V24 V25
// scales, V26 scales as halves, V28 meta.

// op(integer sums, results, integers, meta's register, x) for the first rows.
#define EACH1(op, x) op(0, 1, 8, 9, V8, V9, 16, R2, R6, x)
#define EACH2(op, x) \
	EACH1(op, x) \
	op(2, 3, 10, 11, V10, V11, 17, R3, R7, x)
#define EACH3(op, x) \
	EACH2(op, x) \
	op(4, 5, 12, 13, V12, V13, 18, R4, R8, x)
#define EACH4(op, x) \
	EACH3(op, x) \
	op(6, 7, 14, 15, V14, V15, 19, R5, R9, x)

#define CLEAR(s0, s1, a0, a1, A0, A1, q, row, rec, x) \
	ZERO(A0) \
	ZERO(A1)
#define LOAD(s0, s1, a0, a1, A0, A1, q, row, rec, x) \
	VLD1 (R16), [A0.S4, A1.S4] \
	ADD R1, R16, R16
#define STORE(s0, s1, a0, a1, A0, A1, q, row, rec, x) \
	VST1 [A0.S4, A1.S4], (R16) \
	ADD R1, R16, R16
#define COLUMNS(s0, s1, a0, a1, A0, A1, q, row, rec, x) \
	SDOTL(s0, 20, q, x) \
	SDOTL(s1, 21, q, x)
// acc += d·(scale·sum)
#define SCALED(s0, s1, a0, a1, A0, A1, q, row, rec, x) \
	FMOVD.P 8(rec), F28  \
	SCVTF(s0, s0)        \
	SCVTF(s1, s1)        \
	FMULL(s0, s0, 28, 0) \
	FMULL(s1, s1, 28, 0) \
	FMLA(a0, s0, 24)     \
	FMLA(a1, s1, 25)
// acc += scale·sum
#define ADDED(s0, s1, a0, a1, A0, A1, q, row, rec, x) \
	FMOVD.P 8(rec), F28   \
	SCVTF(s0, s0)         \
	SCVTF(s1, s1)         \
	FMLAL(a0, s0, 28, 0)  \
	FMLAL(a1, s1, 28, 0)

#define BEGIN \
	ZERO(V0) \
	ZERO(V1) \
	ZERO(V2) \
	ZERO(V3) \
	ZERO(V4) \
	ZERO(V5) \
	ZERO(V6) \
	ZERO(V7)

#define STEP(each, lane) \
	VLD1 (R10), [V20.B16, V21.B16] \
	ADD $64, R10, R10              \
	each(COLUMNS, lane)

// 16 columns.
#define HALF(each, loads) \
	loads         \
	STEP(each, 0) \
	STEP(each, 1) \
	STEP(each, 2) \
	STEP(each, 3)

#define LOADS1 VLD1.P 16(R2), [V16.B16]
#define LOADS2 \
	LOADS1 \
	VLD1.P 16(R3), [V17.B16]
#define LOADS3 \
	LOADS2 \
	VLD1.P 16(R4), [V18.B16]
#define LOADS4 \
	LOADS3 \
	VLD1.P 16(R5), [V19.B16]

#define DOTARGS \
	MOVD s+0(FP), R0        \
	MOVD lds+8(FP), R1      \
	MOVD w+32(FP), R10      \
	MOVD d+40(FP), R11      \
	MOVD dim+48(FP), R15    \
	MOVD panels+56(FP), R14

#define MULARGS \
	MOVD y+0(FP), R0        \
	MOVD ldy+8(FP), R1      \
	MOVD w+32(FP), R10      \
	MOVD dim+40(FP), R15    \
	MOVD panels+48(FP), R14

// The rows' integers and meta, dim and dim/4 bytes apart.
#define ROWS(q) \
	MOVD q+16(FP), R2    \
	MOVD meta+24(FP), R6 \
	LSR $2, R15, R17     \
	ADD R15, R2, R3      \
	ADD R15, R3, R4      \
	ADD R15, R4, R5      \
	ADD R17, R6, R7      \
	ADD R17, R7, R8      \
	ADD R17, R8, R9      \
	LSR $5, R15, R13

// From the end of a panel's first half to the start of its second, and from there to the next panel.
#define HIGH SUB R15<<4, R10, R10 \
	ADD $32, R10, R10
#define NEXT SUB $32, R10, R10

#define DOTHALF(group, each, loads) \
	ROWS(q)          \
	each(CLEAR, 0)   \
group:               \
	BEGIN            \
	HALF(each, loads) \
	HALF(each, loads) \
	VLD1 (R11), [V26.H8] \
	ADD $32, R11, R11 \
	FCVTL(24, 26)    \
	FCVTL2(25, 26)   \
	each(SCALED, 0)  \
	SUBS $1, R13, R13 \
	BNE group        \
	MOVD R0, R16     \
	each(STORE, 0)   \
	ADD $32, R0, R0

#define MULHALF(group, each, loads) \
	ROWS(p)          \
	MOVD R0, R16     \
	each(LOAD, 0)    \
group:               \
	BEGIN            \
	HALF(each, loads) \
	HALF(each, loads) \
	each(ADDED, 0)   \
	SUBS $1, R13, R13 \
	BNE group        \
	MOVD R0, R16     \
	each(STORE, 0)   \
	ADD $32, R0, R0

// func dot4Dot(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot4Dot(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	DOTHALF(low, EACH4, LOADS4)
	HIGH
	SUB R15, R11, R11
	ADD $16, R11, R11
	DOTHALF(high, EACH4, LOADS4)
	NEXT
	SUB $16, R11, R11
	SUBS $1, R14, R14
	BNE panel
	RET

// func mulAdd4Dot(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd4Dot(SB), NOSPLIT, $0-56
	MULARGS
panel:
	MULHALF(low, EACH4, LOADS4)
	HIGH
	MULHALF(high, EACH4, LOADS4)
	NEXT
	SUBS $1, R14, R14
	BNE panel
	RET

// func dot3Dot(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot3Dot(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	DOTHALF(low, EACH3, LOADS3)
	HIGH
	SUB R15, R11, R11
	ADD $16, R11, R11
	DOTHALF(high, EACH3, LOADS3)
	NEXT
	SUB $16, R11, R11
	SUBS $1, R14, R14
	BNE panel
	RET

// func mulAdd3Dot(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd3Dot(SB), NOSPLIT, $0-56
	MULARGS
panel:
	MULHALF(low, EACH3, LOADS3)
	HIGH
	MULHALF(high, EACH3, LOADS3)
	NEXT
	SUBS $1, R14, R14
	BNE panel
	RET

// func dot2Dot(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot2Dot(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	DOTHALF(low, EACH2, LOADS2)
	HIGH
	SUB R15, R11, R11
	ADD $16, R11, R11
	DOTHALF(high, EACH2, LOADS2)
	NEXT
	SUB $16, R11, R11
	SUBS $1, R14, R14
	BNE panel
	RET

// func mulAdd2Dot(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd2Dot(SB), NOSPLIT, $0-56
	MULARGS
panel:
	MULHALF(low, EACH2, LOADS2)
	HIGH
	MULHALF(high, EACH2, LOADS2)
	NEXT
	SUBS $1, R14, R14
	BNE panel
	RET

// func dot1Dot(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot1Dot(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	DOTHALF(low, EACH1, LOADS1)
	HIGH
	SUB R15, R11, R11
	ADD $16, R11, R11
	DOTHALF(high, EACH1, LOADS1)
	NEXT
	SUB $16, R11, R11
	SUBS $1, R14, R14
	BNE panel
	RET

// func mulAdd1Dot(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd1Dot(SB), NOSPLIT, $0-56
	MULARGS
panel:
	MULHALF(low, EACH1, LOADS1)
	HIGH
	MULHALF(high, EACH1, LOADS1)
	NEXT
	SUBS $1, R14, R14
	BNE panel
	RET
