// Products of 8 packed rows of 256-element blocks and one row of activations: see direct_arm64.h, which has to be included first.

DATA bytes6<>+0(SB)/8, $0x0000003f0000003f
DATA bytes6<>+8(SB)/8, $0x0000003f0000003f
DATA bytes6<>+16(SB)/8, $0x00003f0000003f00
DATA bytes6<>+24(SB)/8, $0x00003f0000003f00
DATA bytes6<>+32(SB)/8, $0x003f0000003f0000
DATA bytes6<>+40(SB)/8, $0x003f0000003f0000
DATA bytes6<>+48(SB)/8, $0x3f0000003f000000
DATA bytes6<>+56(SB)/8, $0x3f0000003f000000
GLOBL bytes6<>(SB), RODATA|NOPTR, $64
// Byte 0, 1, 2 or 3 of each dword to its top, zeros below.
DATA tops<>+0(SB)/8, $0x04ffffff00ffffff
DATA tops<>+8(SB)/8, $0x0cffffff08ffffff
DATA tops<>+16(SB)/8, $0x05ffffff01ffffff
DATA tops<>+24(SB)/8, $0x0dffffff09ffffff
DATA tops<>+32(SB)/8, $0x06ffffff02ffffff
DATA tops<>+40(SB)/8, $0x0effffff0affffff
DATA tops<>+48(SB)/8, $0x07ffffff03ffffff
DATA tops<>+56(SB)/8, $0x0fffffff0bffffff
GLOBL tops<>(SB), RODATA|NOPTR, $64

// Four dwords of four rows in a-d, transposed into e-h.
#define TRANSPOSE(a, b, c, d, e, f, g, h) \
	VZIP1 b.S4, a.S4, V18.S4   \
	VZIP2 b.S4, a.S4, V19.S4   \
	VZIP1 d.S4, c.S4, V22.S4   \
	VZIP2 d.S4, c.S4, V23.S4   \
	VZIP1 V22.D2, V18.D2, e.D2 \
	VZIP2 V22.D2, V18.D2, f.D2 \
	VZIP1 V23.D2, V19.D2, g.D2 \
	VZIP2 V23.D2, V19.D2, h.D2

// For Q4_K and Q5_K: V0-V7 integer sums, V8 V9 results so far, V10 V11 scales and V12 V13 minima of the 8 blocks, V16-V19
// activations, V20-V23 weights. 6-bit scales and minima of the groups, a byte for each of four groups in the dword of a row:
// V24 V25 and V26 V27 for groups 0 to 3 (the bytes' upper bits are not theirs), V28 V29 and V14 V15 for groups 4 to 7. R13
// masks.

// The head of 8 blocks. The top bits of the scales of groups 4 to 7 go above nibbles.
#define HEADK \
	VLD1.P 16(R4), [V0.B16]  \
	VLD1.P 16(R5), [V1.B16]  \
	VLD1.P 16(R6), [V2.B16]  \
	VLD1.P 16(R7), [V3.B16]  \
	VLD1.P 16(R8), [V4.B16]  \
	VLD1.P 16(R9), [V5.B16]  \
	VLD1.P 16(R10), [V6.B16] \
	VLD1.P 16(R11), [V7.B16] \
	TRANSPOSE(V0, V1, V2, V3, V16, V24, V26, V28) \
	TRANSPOSE(V4, V5, V6, V7, V20, V25, V27, V29) \
	VUZP1 V20.H8, V16.H8, V0.H8    \
	VUZP2 V20.H8, V16.H8, V1.H8    \
	FCVTL(10, 0)                   \
	FCVTL2(11, 0)                  \
	FCVTL(12, 1)                   \
	FCVTL2(13, 1)                  \
	VMOVI $48, V17.B16             \
	VUSHR $4, V28.B16, V14.B16     \
	VUSHR $4, V29.B16, V15.B16     \
	VAND V30.B16, V28.B16, V28.B16 \
	VAND V30.B16, V29.B16, V29.B16 \
	VUSHR $2, V24.B16, V0.B16      \
	VUSHR $2, V25.B16, V1.B16      \
	VUSHR $2, V26.B16, V2.B16      \
	VUSHR $2, V27.B16, V3.B16      \
	VBIT V17.B16, V0.B16, V28.B16  \
	VBIT V17.B16, V1.B16, V29.B16  \
	VBIT V17.B16, V2.B16, V14.B16  \
	VBIT V17.B16, V3.B16, V15.B16

// Sums of 8 rows of two groups: V0 V2 and V1 V3.
#define ROWSK(row) \
	row(R4, V0, V1, 0, 1)  \
	row(R5, V2, V3, 2, 3)  \
	ADDP(0, 0, 2)          \
	ADDP(1, 1, 3)          \
	row(R6, V2, V3, 2, 3)  \
	row(R7, V4, V5, 4, 5)  \
	ADDP(2, 2, 4)          \
	ADDP(3, 3, 5)          \
	ADDP(0, 0, 2)          \
	ADDP(1, 1, 3)          \
	row(R8, V2, V3, 2, 3)  \
	row(R9, V4, V5, 4, 5)  \
	ADDP(2, 2, 4)          \
	ADDP(3, 3, 5)          \
	row(R10, V4, V5, 4, 5) \
	row(R11, V6, V7, 6, 7) \
	ADDP(4, 4, 6)          \
	ADDP(5, 5, 7)          \
	ADDP(2, 2, 4)          \
	ADDP(3, 3, 5)

// A byte of dwords as floats: which is one of these.
#define LOWEST(v) SCVTF(v, v)
#define SECOND(v) UCVTFX(v, v, 8)
#define THIRD(v) UCVTFX(v, v, 16)
#define HIGHEST(v) UCVTFX(v, v, 24)

// The end of a group, its sums in s0 and s1, scales and minima in a byte of sc0 sc1 and m0 m1 that V20 masks.
#define GROUPK(s0, s1, sc0, sc1, m0, m1, mask, byte) \
	VLD1.P 32(R3), [V22.S4, V23.S4] \
	VAND mask.B16, sc0.B16, V16.B16 \
	VAND mask.B16, sc1.B16, V17.B16 \
	VAND mask.B16, m0.B16, V18.B16  \
	VAND mask.B16, m1.B16, V19.B16  \
	SCVTF(s0, s0)      \
	SCVTF(s1, s1)      \
	byte(16)           \
	byte(17)           \
	byte(18)           \
	byte(19)           \
	FMULL(s0, s0, 22, 0) \
	FMULL(s1, s1, 22, 0) \
	FMUL(16, 16, 10)   \
	FMUL(17, 17, 11)   \
	FMUL(18, 18, 12)   \
	FMUL(19, 19, 13)   \
	FMLA(8, s0, 16)    \
	FMLA(9, s1, 17)    \
	FMLSL(8, 18, 23, 0) \
	FMLSL(9, 19, 23, 0)

#define LOADA VLD1.P 64(R1), [V16.B16, V17.B16, V18.B16, V19.B16]

// Groups 2p and 2p+1, whose scales are bytes 0 and 1, or 2 and 3.
#define EVENK(row, sc0, sc1, m0, m1) \
	LOADA               \
	ROWSK(row)          \
	FLDPQ (R13), (F20, F21) \
	GROUPK(0, 2, sc0, sc1, m0, m1, V20, LOWEST) \
	GROUPK(1, 3, sc0, sc1, m0, m1, V21, SECOND)
#define ODDK(row, sc0, sc1, m0, m1) \
	LOADA               \
	ROWSK(row)          \
	FLDPQ 32(R13), (F20, F21) \
	GROUPK(0, 2, sc0, sc1, m0, m1, V20, THIRD)  \
	GROUPK(1, 3, sc0, sc1, m0, m1, V21, HIGHEST)

#define ROW4K(p, v, w, s, t) \
	VLD1.P 32(p), [V20.B16, V21.B16] \
	VUSHR $4, V20.B16, V22.B16       \
	VUSHR $4, V21.B16, V23.B16       \
	VAND V30.B16, V20.B16, V20.B16   \
	VAND V30.B16, V21.B16, V21.B16   \
	DOTK(v, w, s, t)

// The fifth bits of to from those of v, n places above or below bit 4, whose mask is V31.
#define UP(n, v, t, to) \
	VSHL $n, v.B16, t.B16         \
	VBIT V31.B16, t.B16, to.B16
#define DOWN(n, v, t, to) \
	VUSHR $n, v.B16, t.B16        \
	VBIT V31.B16, t.B16, to.B16
#define HERE(n, v, t, to) VBIT V31.B16, v.B16, to.B16

// 64 columns of Q5_K: nibbles o bytes after the head, fifth bits right after it, the first 32 columns' moved by low and m, the
// others' by high and n. V10-V13 are scratch here, and on the stack meanwhile.
#define ROW5K(p, v, w, s, t, o, low, m, high, n) \
	FLDPQ o(p), (F20, F21)         \
	FLDPQ (p), (F10, F11)          \
	VUSHR $4, V20.B16, V22.B16     \
	VUSHR $4, V21.B16, V23.B16     \
	VAND V30.B16, V20.B16, V20.B16 \
	VAND V30.B16, V21.B16, V21.B16 \
	low(m, V10, V12, V20)          \
	low(m, V11, V13, V21)          \
	high(n, V10, V12, V22)         \
	high(n, V11, V13, V23)         \
	DOTK(v, w, s, t)
#define FIRST5K(p, v, w, s, t) ROW5K(p, v, w, s, t, 32, UP, 4, UP, 3)
#define SECOND5K(p, v, w, s, t) ROW5K(p, v, w, s, t, 64, UP, 2, UP, 1)
#define THIRD5K(p, v, w, s, t) ROW5K(p, v, w, s, t, 96, HERE, 0, DOWN, 1)
#define FOURTH5K(p, v, w, s, t) ROW5K(p, v, w, s, t, 128, DOWN, 2, DOWN, 3)

#define PAIR5K(row, o, b0, b1, sc0, sc1, m0, m1) \
	LOADA                      \
	ROWSK(row)                 \
	FLDPQ d-64(SP), (F10, F11) \
	FLDPQ m-32(SP), (F12, F13) \
	FLDPQ o(R13), (F20, F21)   \
	GROUPK(0, 2, sc0, sc1, m0, m1, V20, b0) \
	GROUPK(1, 3, sc0, sc1, m0, m1, V21, b1)

#define SKIP(n) \
	ADD $n, R4, R4   \
	ADD $n, R5, R5   \
	ADD $n, R6, R6   \
	ADD $n, R7, R7   \
	ADD $n, R8, R8   \
	ADD $n, R9, R9   \
	ADD $n, R10, R10 \
	ADD $n, R11, R11

// For Q6_K: V0-V11 integer sums, V12 V13 scales of the 8 blocks, V16-V19 activations, V20-V26 weights, V27 32 as a float, V28 V29
// results so far, V30 the mask of six bits, V31 that of bits 4 and 5. R4-R11 are at the ends of the blocks.

// 16 bytes at a and b and 16 of bit pairs at c: columns of four groups.
#define ROW6K(p, a, b, c, v0, v1, v2, v3, s0, s1, s2, s3) \
	FMOVQ a(p), F20                \
	FMOVQ b(p), F21                \
	FMOVQ c(p), F22                \
	VUSHR $4, V20.B16, V23.B16     \
	VUSHR $4, V21.B16, V24.B16     \
	VUSHR $2, V22.B16, V25.B16     \
	VSLI $4, V22.B16, V20.B16      \
	VSLI $4, V25.B16, V21.B16      \
	VBIT V31.B16, V22.B16, V23.B16 \
	VBIT V31.B16, V25.B16, V24.B16 \
	VAND V30.B16, V20.B16, V20.B16 \
	VAND V30.B16, V21.B16, V21.B16 \
	DOT6(v0, v1, v2, v3, s0, s1, s2, s3)

// Four rows, their sums to byte o of the stack's for the first of the four groups.
#define ROWS6K(p, q, r, s, a, b, c, o) \
	ROW6K(p, a, b, c, V0, V1, V2, V3, 0, 1, 2, 3)   \
	ROW6K(q, a, b, c, V4, V5, V6, V7, 4, 5, 6, 7)   \
	ADDP(0, 0, 4) \
	ADDP(1, 1, 5) \
	ADDP(2, 2, 6) \
	ADDP(3, 3, 7) \
	ROW6K(r, a, b, c, V4, V5, V6, V7, 4, 5, 6, 7)   \
	ROW6K(s, a, b, c, V8, V9, V10, V11, 8, 9, 10, 11) \
	ADDP(4, 4, 8)  \
	ADDP(5, 5, 9)  \
	ADDP(6, 6, 10) \
	ADDP(7, 7, 11) \
	ADDP(0, 0, 4)  \
	ADDP(1, 1, 5)  \
	ADDP(2, 2, 6)  \
	ADDP(3, 3, 7)  \
	FMOVQ F0, sums-(384-(o))(SP)     \
	FMOVQ F1, sums-(384-(o)-64)(SP)  \
	FMOVQ F2, sums-(384-(o)-128)(SP) \
	FMOVQ F3, sums-(384-(o)-192)(SP)

// 16 columns of four groups, 32 apart, of 8 rows.
#define QUARTER6K(a, b, c, o) \
	FMOVQ (R1), F16    \
	FMOVQ 32(R1), F17  \
	FMOVQ 64(R1), F18  \
	FMOVQ 96(R1), F19  \
	ROWS6K(R4, R5, R6, R7, a, b, c, o) \
	ROWS6K(R8, R9, R10, R11, a, b, c, (o+16)) \
	ADD $16, R1, R1

// Group g of a half: its scale is what byte picks of the dwords in V22 V23, its sum of activations a lane of the meta.
#define GROUP6K(g, byte, lane) \
	FLDPQ sums-(384-32*(g))(SP), (F0, F1) \
	VTBL byte.B16, [V22.B16], V2.B16 \
	VTBL byte.B16, [V23.B16], V3.B16 \
	SCVTF(0, 0)          \
	SCVTF(1, 1)          \
	SCVTFX(2, 2, 24)     \
	SCVTFX(3, 3, 24)     \
	FMLSL(0, 27, 20, lane) \
	FMLSL(1, 27, 20, lane) \
	FMULL(0, 0, 20, 0)   \
	FMULL(1, 1, 20, 0)   \
	FMUL(2, 2, 12)       \
	FMUL(3, 3, 13)       \
	FMLA(28, 0, 2)       \
	FMLA(29, 1, 3)

#define META6K VLD1.P 32(R3), [V20.S4, V21.S4]

// 128 columns, h: 0 or 1.
#define HALF6K(h) \
	QUARTER6K((64*h-210), (64*h-178), (32*h-82), 0)  \
	QUARTER6K((64*h-194), (64*h-162), (32*h-66), 32) \
	ADD $96, R1, R1      \
	VLD1 (R13), [V4.B16, V5.B16, V6.B16, V7.B16] \
	FLDPQ scales-(128-64*h)(SP), (F22, F23) \
	META6K               \
	GROUP6K(0, V4, 2)    \
	GROUP6K(1, V5, 3)    \
	META6K               \
	GROUP6K(2, V6, 2)    \
	GROUP6K(3, V7, 3)    \
	FLDPQ scales-(96-64*h)(SP), (F22, F23) \
	META6K               \
	GROUP6K(4, V4, 2)    \
	GROUP6K(5, V5, 3)    \
	META6K               \
	GROUP6K(6, V6, 2)    \
	GROUP6K(7, V7, 3)

#define Q4_K \
	DIRECTARGS(8) \
	ZERO(V8) \
	ZERO(V9) \
	MOVD $bytes6<>(SB), R13 \
loop: \
	HEADK \
	EVENK(ROW4K, V24, V25, V26, V27) \
	ODDK(ROW4K, V24, V25, V26, V27) \
	EVENK(ROW4K, V28, V29, V14, V15) \
	ODDK(ROW4K, V28, V29, V14, V15) \
	SUBS $1, R2, R2 \
	BNE loop \
	VST1 [V8.S4, V9.S4], (R0) \
	RET

// On the stack: scales and minima of the blocks.
#define Q5_K \
	DIRECTARGS(8) \
	ZERO(V8) \
	ZERO(V9) \
	MOVD $bytes6<>(SB), R13 \
	VMOVI $16, V31.B16 \
loop: \
	HEADK \
	FSTPQ (F10, F11), d-64(SP) \
	FSTPQ (F12, F13), m-32(SP) \
	PAIR5K(FIRST5K, 0, LOWEST, SECOND, V24, V25, V26, V27) \
	PAIR5K(SECOND5K, 32, THIRD, HIGHEST, V24, V25, V26, V27) \
	PAIR5K(THIRD5K, 0, LOWEST, SECOND, V28, V29, V14, V15) \
	PAIR5K(FOURTH5K, 32, THIRD, HIGHEST, V28, V29, V14, V15) \
	SKIP(160) \
	SUBS $1, R2, R2 \
	BNE loop \
	VST1 [V8.S4, V9.S4], (R0) \
	RET

// $0x42000000 is 32 as a float. On the stack: integer sums of 8 groups, and 16 scales of each row, four groups in a dword.
#define Q6_K \
	DIRECTARGS(8) \
	ZERO(V28) \
	ZERO(V29) \
	MOVD $tops<>(SB), R13 \
	VMOVI $63, V30.B16 \
	VMOVI $48, V31.B16 \
	MOVW $0x42000000, R12 \
	VDUP R12, V27.S4 \
loop: \
	SKIP(208) \
	HALVES(V12, V13, 12, 13) \
	FMOVQ -18(R4), F0 \
	FMOVQ -18(R5), F1 \
	FMOVQ -18(R6), F2 \
	FMOVQ -18(R7), F3 \
	FMOVQ -18(R8), F4 \
	FMOVQ -18(R9), F5 \
	FMOVQ -18(R10), F6 \
	FMOVQ -18(R11), F7 \
	TRANSPOSE(V0, V1, V2, V3, V8, V9, V10, V11) \
	TRANSPOSE(V4, V5, V6, V7, V14, V15, V16, V17) \
	FSTPQ (F8, F14), scales-128(SP) \
	FSTPQ (F9, F15), scales-96(SP) \
	FSTPQ (F10, F16), scales-64(SP) \
	FSTPQ (F11, F17), scales-32(SP) \
	HALF6K(0) \
	HALF6K(1) \
	SUBS $1, R2, R2 \
	BNE loop \
	VST1 [V28.S4, V29.S4], (R0) \
	RET
