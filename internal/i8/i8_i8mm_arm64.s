#include "textflag.h"
#include "funcdata.h"
#include "neon_arm64.h"

// Products of 8 or 4 quantised rows with panels with SMMLA: a quarter of a panel at a time for 8 rows, half a panel for 4. See
// the declarations in i8_i8mm_arm64.go.
//
// An SMMLA adds the products of two quantised rows and two rows of a panel, 8 columns each, to a 2×2 block of sums. So the
// quantised rows are laid out in pairs first, on the stack: [dim/8][pairs][2][8], and their scales [groups][pairs][2][twice].
//
// R10 panels, 64 bytes (16 rows × 4 columns) a step; R11 their scales
// R2-R9 integers or meta of the rows, then R2 and R6 the pairs and their scales, R3 and R7 the next of these
// R0 result, rows R1 bytes apart; R13 groups left; R14 panels left; R15 dim; R19 parts of the panel left; R16, R17 scratch
//
// V0-V7 integer sums, V8-V15 results so far, V16-V19 two steps of the panel, V20-V23 the same as pairs of rows, V24-V27 integers
// of the rows, then scales of the panel, each pair twice; V28-V31 scales of the rows.

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

// Rows step bytes apart from R2 on.
#define ROWS(step) \
	ADD step, R2, R3 \
	ADD step, R3, R4 \
	ADD step, R4, R5 \
	ADD step, R5, R6 \
	ADD step, R6, R7 \
	ADD step, R7, R8 \
	ADD step, R8, R9

#define WEAVE(a, b, to, next) \
	VZIP1 b.D2, a.D2, to.D2   \
	VZIP2 b.D2, a.D2, next.D2

#define PAIR(row, next, t, v) \
	VLD1R.P (row)(R17), [t.S4] \
	VLD1R.P (next)(R17), [v.S4] \
	VZIP1 v.D2, t.D2, t.D2

#define PAIRS8(q, columns, groups) \
	MOVD q+16(FP), R2        \
	MOVD $pairs-5120(SP), R16 \
	LSR $4, R15, R13         \
	ROWS(R15)                \
columns:                     \
	VLD1.P 16(R2), [V0.B16]  \
	VLD1.P 16(R3), [V1.B16]  \
	VLD1.P 16(R4), [V2.B16]  \
	VLD1.P 16(R5), [V3.B16]  \
	VLD1.P 16(R6), [V4.B16]  \
	VLD1.P 16(R7), [V5.B16]  \
	VLD1.P 16(R8), [V6.B16]  \
	VLD1.P 16(R9), [V7.B16]  \
	WEAVE(V0, V1, V16, V20)  \
	WEAVE(V2, V3, V17, V21)  \
	WEAVE(V4, V5, V18, V22)  \
	WEAVE(V6, V7, V19, V23)  \
	VST1.P [V16.B16, V17.B16, V18.B16, V19.B16], 64(R16) \
	VST1.P [V20.B16, V21.B16, V22.B16, V23.B16], 64(R16) \
	SUBS $1, R13, R13        \
	BNE columns              \
	MOVD meta+24(FP), R2     \
	MOVD $scales-1024(SP), R16 \
	LSR $5, R15, R13         \
	LSR $2, R15, R17         \
	ROWS(R17)                \
	MOVD $8, R17             \
groups:                      \
	PAIR(R2, R3, V16, V20)   \
	PAIR(R4, R5, V17, V21)   \
	PAIR(R6, R7, V18, V22)   \
	PAIR(R8, R9, V19, V23)   \
	VST1.P [V16.B16, V17.B16, V18.B16, V19.B16], 64(R16) \
	SUBS $1, R13, R13        \
	BNE groups               \
	MOVD $pairs-5120(SP), R2 \
	MOVD $scales-1024(SP), R6

#define PAIRS4(q, columns, groups) \
	MOVD q+16(FP), R2        \
	MOVD $pairs-2560(SP), R16 \
	LSR $4, R15, R13         \
	ROWS(R15)                \
columns:                     \
	VLD1.P 16(R2), [V0.B16]  \
	VLD1.P 16(R3), [V1.B16]  \
	VLD1.P 16(R4), [V2.B16]  \
	VLD1.P 16(R5), [V3.B16]  \
	WEAVE(V0, V1, V16, V18)  \
	WEAVE(V2, V3, V17, V19)  \
	VST1.P [V16.B16, V17.B16, V18.B16, V19.B16], 64(R16) \
	SUBS $1, R13, R13        \
	BNE columns              \
	MOVD meta+24(FP), R2     \
	MOVD $scales-512(SP), R16 \
	LSR $5, R15, R13         \
	LSR $2, R15, R17         \
	ROWS(R17)                \
	MOVD $8, R17             \
groups:                      \
	PAIR(R2, R3, V16, V20)   \
	PAIR(R4, R5, V17, V21)   \
	VST1.P [V16.B16, V17.B16], 32(R16) \
	SUBS $1, R13, R13        \
	BNE groups               \
	MOVD $pairs-2560(SP), R2 \
	MOVD $scales-512(SP), R6

#define ZERO8 \
	ZERO(V0) \
	ZERO(V1) \
	ZERO(V2) \
	ZERO(V3) \
	ZERO(V4) \
	ZERO(V5) \
	ZERO(V6) \
	ZERO(V7)

#define CLEAR8 \
	ZERO(V8)  \
	ZERO(V9)  \
	ZERO(V10) \
	ZERO(V11) \
	ZERO(V12) \
	ZERO(V13) \
	ZERO(V14) \
	ZERO(V15)

// 8 columns, whose two steps are from byte o on. Blocks of sums: a pair of quantised rows is two of them.
#define COLUMNS8(o) \
	FMOVQ o(R10), F16        \
	FMOVQ (o+64)(R10), F17   \
	VLD1.P 64(R3), [V24.B16, V25.B16, V26.B16, V27.B16] \
	VZIP1 V17.S4, V16.S4, V20.S4 \
	VZIP2 V17.S4, V16.S4, V21.S4 \
	SMMLA(0, 24, 20) \
	SMMLA(1, 24, 21) \
	SMMLA(2, 25, 20) \
	SMMLA(3, 25, 21) \
	SMMLA(4, 26, 20) \
	SMMLA(5, 26, 21) \
	SMMLA(6, 27, 20) \
	SMMLA(7, 27, 21)

// The same where a pair of quantised rows is four of them.
#define COLUMNS4(o) \
	FLDPQ o(R10), (F16, F17)      \
	FLDPQ (o+64)(R10), (F18, F19) \
	VLD1.P 32(R3), [V24.B16, V25.B16] \
	VZIP1 V18.S4, V16.S4, V20.S4 \
	VZIP2 V18.S4, V16.S4, V21.S4 \
	VZIP1 V19.S4, V17.S4, V22.S4 \
	VZIP2 V19.S4, V17.S4, V23.S4 \
	SMMLA(0, 24, 20) \
	SMMLA(1, 24, 21) \
	SMMLA(2, 24, 22) \
	SMMLA(3, 24, 23) \
	SMMLA(4, 25, 20) \
	SMMLA(5, 25, 21) \
	SMMLA(6, 25, 22) \
	SMMLA(7, 25, 23)

// A group's sums.
#define GROUP(columns) \
	ZERO8            \
	columns(0)       \
	columns(128)     \
	columns(256)     \
	columns(384)     \
	ADD $512, R10, R10

// acc += d·(scale·sum), and without d.
#define SCALED(s, acc, d, scale) \
	SCVTF(s, s)       \
	FMUL(s, s, scale) \
	FMLA(acc, s, d)
#define ADDED(s, acc, d, scale) \
	SCVTF(s, s)       \
	FMLA(acc, s, scale)

#define END8(op) \
	VLD1.P 64(R7), [V28.S4, V29.S4, V30.S4, V31.S4] \
	op(0, 8, 24, 28)  \
	op(1, 9, 25, 28)  \
	op(2, 10, 24, 29) \
	op(3, 11, 25, 29) \
	op(4, 12, 24, 30) \
	op(5, 13, 25, 30) \
	op(6, 14, 24, 31) \
	op(7, 15, 25, 31)

#define END4(op) \
	VLD1.P 32(R7), [V28.S4, V29.S4] \
	op(0, 8, 24, 28)  \
	op(1, 9, 25, 28)  \
	op(2, 10, 26, 28) \
	op(3, 11, 27, 28) \
	op(4, 12, 24, 29) \
	op(5, 13, 25, 29) \
	op(6, 14, 26, 29) \
	op(7, 15, 27, 29)

// Two rows of four results from their blocks, and back.
#define STORE2(a, b) \
	WEAVE(a, b, V16, V17) \
	FMOVQ F16, (R16)      \
	ADD R1, R16, R16      \
	FMOVQ F17, (R16)      \
	ADD R1, R16, R16
#define LOAD2(a, b) \
	FMOVQ (R16), F16 \
	ADD R1, R16, R16 \
	FMOVQ (R16), F17 \
	ADD R1, R16, R16 \
	WEAVE(V16, V17, a, b)
// The same of eight results.
#define STORE22(a, b, c, d) \
	WEAVE(a, b, V16, V18)       \
	WEAVE(c, d, V17, V19)       \
	VST1 [V16.S4, V17.S4], (R16) \
	ADD R1, R16, R16            \
	VST1 [V18.S4, V19.S4], (R16) \
	ADD R1, R16, R16
#define LOAD22(a, b, c, d) \
	VLD1 (R16), [V16.S4, V17.S4] \
	ADD R1, R16, R16            \
	VLD1 (R16), [V18.S4, V19.S4] \
	ADD R1, R16, R16            \
	WEAVE(V16, V18, a, b)       \
	WEAVE(V17, V19, c, d)

#define BEGIN \
	MOVD R2, R3      \
	MOVD R6, R7      \
	LSR $5, R15, R13 \
	MOVD R0, R16

// func dot8I8MM(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot8I8MM(SB), 0, $5120-64
	NO_LOCAL_POINTERS
	DOTARGS
	PAIRS8(q, columns, scales)
panel:
	MOVD $4, R19
quarter:
	BEGIN
	CLEAR8
group:
	GROUP(COLUMNS8)
	FMOVD (R11), F16
	ADD $32, R11, R11
	FCVTL(16, 16)
	VDUP V16.D[0], V24.D2
	VDUP V16.D[1], V25.D2
	END8(SCALED)
	SUBS $1, R13, R13
	BNE group
	STORE2(V8, V9)
	STORE2(V10, V11)
	STORE2(V12, V13)
	STORE2(V14, V15)
	ADD $16, R0, R0
	SUB R15<<4, R10, R10
	ADD $16, R10, R10
	SUB R15, R11, R11
	ADD $8, R11, R11
	SUBS $1, R19, R19
	BNE quarter
	ADD R15<<4, R10, R10
	SUB $64, R10, R10
	ADD R15, R11, R11
	SUB $32, R11, R11
	SUBS $1, R14, R14
	BNE panel
	RET

// func mulAdd8I8MM(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd8I8MM(SB), 0, $5120-56
	NO_LOCAL_POINTERS
	MULARGS
	PAIRS8(p, columns, scales)
panel:
	MOVD $4, R19
quarter:
	BEGIN
	LOAD2(V8, V9)
	LOAD2(V10, V11)
	LOAD2(V12, V13)
	LOAD2(V14, V15)
group:
	GROUP(COLUMNS8)
	END8(ADDED)
	SUBS $1, R13, R13
	BNE group
	MOVD R0, R16
	STORE2(V8, V9)
	STORE2(V10, V11)
	STORE2(V12, V13)
	STORE2(V14, V15)
	ADD $16, R0, R0
	SUB R15<<4, R10, R10
	ADD $16, R10, R10
	SUBS $1, R19, R19
	BNE quarter
	ADD R15<<4, R10, R10
	SUB $64, R10, R10
	SUBS $1, R14, R14
	BNE panel
	RET

// func dot4I8MM(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot4I8MM(SB), 0, $2560-64
	NO_LOCAL_POINTERS
	DOTARGS
	PAIRS4(q, columns, scales)
panel:
	MOVD $2, R19
half:
	BEGIN
	CLEAR8
group:
	GROUP(COLUMNS4)
	FMOVQ (R11), F16
	ADD $32, R11, R11
	FCVTL2(17, 16)
	FCVTL(16, 16)
	VDUP V16.D[0], V24.D2
	VDUP V16.D[1], V25.D2
	VDUP V17.D[0], V26.D2
	VDUP V17.D[1], V27.D2
	END4(SCALED)
	SUBS $1, R13, R13
	BNE group
	STORE22(V8, V9, V10, V11)
	STORE22(V12, V13, V14, V15)
	ADD $32, R0, R0
	SUB R15<<4, R10, R10
	ADD $32, R10, R10
	SUB R15, R11, R11
	ADD $16, R11, R11
	SUBS $1, R19, R19
	BNE half
	ADD R15<<4, R10, R10
	SUB $64, R10, R10
	ADD R15, R11, R11
	SUB $32, R11, R11
	SUBS $1, R14, R14
	BNE panel
	RET

// func mulAdd4I8MM(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd4I8MM(SB), 0, $2560-56
	NO_LOCAL_POINTERS
	MULARGS
	PAIRS4(p, columns, scales)
panel:
	MOVD $2, R19
half:
	BEGIN
	LOAD22(V8, V9, V10, V11)
	LOAD22(V12, V13, V14, V15)
group:
	GROUP(COLUMNS4)
	END4(ADDED)
	SUBS $1, R13, R13
	BNE group
	MOVD R0, R16
	STORE22(V8, V9, V10, V11)
	STORE22(V12, V13, V14, V15)
	ADD $32, R0, R0
	SUB R15<<4, R10, R10
	ADD $32, R10, R10
	SUBS $1, R19, R19
	BNE half
	ADD R15<<4, R10, R10
	SUB $64, R10, R10
	SUBS $1, R14, R14
	BNE panel
	RET
