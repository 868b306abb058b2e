#include "textflag.h"
#include "neon_arm64.h"

// Tiles of four rows of weights by up to six rows of activations, four lanes at a time of all columns: V(4a+r) are the lanes of
// row a of x and row r of w, V24–V27 four columns of each row of w, V28–V30 of rows of x. V31 is zero.
//
// R0: lanes. R1: row 0 of x, R2 bytes apart, R9–R14 where they are read. R3: row 0 of w of the group, R4 bytes apart,
// R15 R16 R17 R19 where they are read. R5: vectors. R7: groups left. R8: are these the first? R20: vectors left. R21: parts
// left. R22: the part's lanes. R23, R24: bytes from vector to vector of x and of w.

// op(a, at, where row a of x is read, a vector, its register, lanes)
#define ACTS1(op) op(0, 0, R9, V28, 28, 0, F0, F1, F2, F3)
#define ACTS2(op) \
	ACTS1(op) \
	op(1, 256, R10, V29, 29, 4, F4, F5, F6, F7)
#define ACTS3(op) \
	ACTS2(op) \
	op(2, 512, R11, V30, 30, 8, F8, F9, F10, F11)
#define ACTS4(op) \
	ACTS3(op) \
	op(3, 768, R12, V28, 28, 12, F12, F13, F14, F15)
#define ACTS5(op) \
	ACTS4(op) \
	op(4, 1024, R13, V29, 29, 16, F16, F17, F18, F19)
#define ACTS6(op) \
	ACTS5(op) \
	op(5, 1280, R14, V30, 30, 20, F20, F21, F22, F23)

#define ROW(a, at, p, vt, t, v, f0, f1, f2, f3) \
	MOVD $a, p        \
	MADD R2, R1, p, p
#define ZERO(a, at, p, vt, t, v, f0, f1, f2, f3) \
	FMUL(v, 31, 31)     \
	FMUL((v+1), 31, 31) \
	FMUL((v+2), 31, 31) \
	FMUL((v+3), 31, 31)
#define LOAD(a, at, p, vt, t, v, f0, f1, f2, f3) \
	FMOVQ (at+0)(R22), f0   \
	FMOVQ (at+64)(R22), f1  \
	FMOVQ (at+128)(R22), f2 \
	FMOVQ (at+192)(R22), f3
#define STORE(a, at, p, vt, t, v, f0, f1, f2, f3) \
	FMOVQ f0, (at+0)(R22)   \
	FMOVQ f1, (at+64)(R22)  \
	FMOVQ f2, (at+128)(R22) \
	FMOVQ f3, (at+192)(R22)
#define FMAS(a, at, p, vt, t, v, f0, f1, f2, f3) \
	VLD1.P (p)(R23), [vt.S4] \
	FMLA(v, t, 24)           \
	FMLA((v+1), t, 25)       \
	FMLA((v+2), t, 26)       \
	FMLA((v+3), t, 27)

#define FLOAT4 \
	VLD1.P (R15)(R24), [V24.S4] \
	VLD1.P (R16)(R24), [V25.S4] \
	VLD1.P (R17)(R24), [V26.S4] \
	VLD1.P (R19)(R24), [V27.S4]
#define WORDS4 \
	VLD1.P (R15)(R24), [V24.H4] \
	VLD1.P (R16)(R24), [V25.H4] \
	VLD1.P (R17)(R24), [V26.H4] \
	VLD1.P (R19)(R24), [V27.H4]
#define HALF4 \
	WORDS4        \
	FCVTL(24, 24) \
	FCVTL(25, 25) \
	FCVTL(26, 26) \
	FCVTL(27, 27)
#define BRAIN4 \
	WORDS4                         \
	VZIP1 V24.H8, V31.H8, V24.H8   \
	VZIP1 V25.H8, V31.H8, V25.H8   \
	VZIP1 V26.H8, V31.H8, V26.H8   \
	VZIP1 V27.H8, V31.H8, V27.H8

#define GROUPS(acts, count, fetch, size, group, part, more, loop) \
group:                     \
	MOVD $4, R21           \
	MOVD R0, R22           \
part:                      \
	acts(ROW)              \
	MOVD R3, R15           \
	ADD R4, R15, R16       \
	ADD R4, R16, R17       \
	ADD R4, R17, R19       \
	MOVD R5, R20           \
	CBZ R8, more           \
	acts(ZERO)             \
	B loop                 \
more:                      \
	acts(LOAD)             \
loop:                      \
	fetch                  \
	acts(FMAS)             \
	SUBS $1, R20, R20      \
	BNE loop               \
	acts(STORE)            \
	ADD $16, R22, R22      \
	ADD $16, R1, R1        \
	ADD $(size/4), R3, R3  \
	SUBS $1, R21, R21      \
	BNE part               \
	SUB $64, R1, R1        \
	SUB $size, R3, R3      \
	ADD R4<<2, R3, R3      \
	ADD $(256*count), R0, R0 \
	SUBS $1, R7, R7        \
	BNE group              \
	RET

#define TILE(fetch, size) \
	MOVD s+0(FP), R0       \
	MOVD x+8(FP), R1       \
	MOVD ldx+16(FP), R2    \
	MOVD w+24(FP), R3      \
	MOVD ldw+32(FP), R4    \
	MOVD k+40(FP), R5      \
	MOVD acts+48(FP), R6   \
	MOVD groups+56(FP), R7 \
	MOVBU first+64(FP), R8 \
	MOVD $64, R23          \
	MOVD $size, R24        \
	VEOR V31.B16, V31.B16, V31.B16 \
	CMP $2, R6             \
	BLT group1             \
	BEQ group2             \
	CMP $4, R6             \
	BLT group3             \
	BEQ group4             \
	CMP $5, R6             \
	BEQ group5             \
	GROUPS(ACTS6, 6, fetch, size, group6, part6, more6, loop6) \
	GROUPS(ACTS5, 5, fetch, size, group5, part5, more5, loop5) \
	GROUPS(ACTS4, 4, fetch, size, group4, part4, more4, loop4) \
	GROUPS(ACTS3, 3, fetch, size, group3, part3, more3, loop3) \
	GROUPS(ACTS2, 2, fetch, size, group2, part2, more2, loop2) \
	GROUPS(ACTS1, 1, fetch, size, group1, part1, more1, loop1)

// func dotTileNEON(s, x *float32, ldx int, w *float32, ldw, k, acts, groups int, first bool)
TEXT ·dotTileNEON(SB), NOSPLIT, $0-65
	TILE(FLOAT4, 64)

// func dotTileF16NEON(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)
TEXT ·dotTileF16NEON(SB), NOSPLIT, $0-65
	TILE(HALF4, 32)

// func dotTileBF16NEON(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)
TEXT ·dotTileBF16NEON(SB), NOSPLIT, $0-65
	TILE(BRAIN4, 32)

// The 16 lanes of one row in registers a to a+3 to 4, in tree's order.
#define TREE16(a) \
	FADD(a, a, (a+2))         \
	FADD((a+1), (a+1), (a+3)) \
	FADD(a, a, (a+1))

// func tileTreesNEON(y *float32, ldy int, s *float32, acts, groups int)
// After TREE16, lanes 0 and 2 and lanes 1 and 3 of two rows stand in one register each.
TEXT ·tileTreesNEON(SB), NOSPLIT, $0-40
	MOVD y+0(FP), R0
	MOVD ldy+8(FP), R1
	MOVD s+16(FP), R2
	MOVD acts+24(FP), R3
	MOVD groups+32(FP), R4
group:
	MOVD R0, R5
	MOVD R3, R6
row:
	VLD1.P 64(R2), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R2), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(R2), [V8.S4, V9.S4, V10.S4, V11.S4]
	VLD1.P 64(R2), [V12.S4, V13.S4, V14.S4, V15.S4]
	TREE16(0)
	TREE16(4)
	TREE16(8)
	TREE16(12)
	VZIP1 V4.D2, V0.D2, V16.D2
	VZIP2 V4.D2, V0.D2, V17.D2
	VZIP1 V12.D2, V8.D2, V18.D2
	VZIP2 V12.D2, V8.D2, V19.D2
	FADD(16, 16, 17)
	FADD(18, 18, 19)
	FADDP(16, 16, 18)
	VST1 [V16.S4], (R5)
	ADD R1, R5, R5
	SUBS $1, R6, R6
	BNE row
	ADD $16, R0, R0
	SUBS $1, R4, R4
	BNE group
	RET
