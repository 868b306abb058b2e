// Products of 8 packed rows and one row of activations, for any CPU and with SDOT: what includes this defines the integer
// products DOT32, DOT8, DOTK and DOT6. Each kernel is a macro named after its format.
//
// R0 result, R1 activations, R2 blocks left, R3 meta, R4-R11 rows. V0-V7 integer sums of the rows, V8 V9 results so far, V16
// V17 activations, V20-V23 weights, V24-V27 scales and minima, V30 the nibble mask.

#define DIRECTARGS(shift) \
	MOVD y+0(FP), R0         \
	MOVD a+8(FP), R1         \
	MOVD cols+16(FP), R2     \
	MOVD meta+24(FP), R3     \
	MOVD w+32(FP), R4        \
	MOVD stride+40(FP), R5 \
	LSR $shift, R2, R2       \
	ADD R5, R4, R12          \
	ADD R5<<1, R4, R6        \
	ADD R5<<1, R12, R7       \
	ADD R5<<2, R4, R8        \
	ADD R5<<2, R12, R9       \
	ADD R5<<1, R8, R10       \
	ADD R5<<1, R9, R11       \
	MOVD R12, R5             \
	VMOVI $15, V30.B16

// Halves at the start of 8 rows, as floats. The first of a register goes to all lanes, which does not wait for what it held.
#define HALVES(v, w, lo, hi) \
	VLD1R.P 2(R4), [v.H8] \
	VLD1R.P 2(R8), [w.H8] \
	VLD1.P 2(R5), v.H[1]  \
	VLD1.P 2(R9), w.H[1]  \
	VLD1.P 2(R6), v.H[2]  \
	VLD1.P 2(R10), w.H[2] \
	VLD1.P 2(R7), v.H[3]  \
	VLD1.P 2(R11), w.H[3] \
	FCVTL(lo, lo)         \
	FCVTL(hi, hi)

DATA spread<>+0(SB)/8, $0x0000000000000000
DATA spread<>+8(SB)/8, $0x0101010101010101
DATA spread<>+16(SB)/8, $0x0202020202020202
DATA spread<>+24(SB)/8, $0x0303030303030303
GLOBL spread<>(SB), RODATA|NOPTR, $32

// The values of IQ4_NL's nibbles.
DATA iq4nl<>+0(SB)/8, $0xf6eaddcfbfad9881
DATA iq4nl<>+8(SB)/8, $0x7159453526190d01
GLOBL iq4nl<>(SB), RODATA|NOPTR, $16

#define BLOCK(row) \
	VLD1.P 32(R1), [V16.B16, V17.B16] \
	row(R4, V0, 0)  \
	row(R5, V1, 1)  \
	row(R6, V2, 2)  \
	row(R7, V3, 3)  \
	row(R8, V4, 4)  \
	row(R9, V5, 5)  \
	row(R10, V6, 6) \
	row(R11, V7, 7) \
	ADDP(0, 0, 1)   \
	ADDP(2, 2, 3)   \
	ADDP(4, 4, 5)   \
	ADDP(6, 6, 7)   \
	ADDP(0, 0, 2)   \
	ADDP(4, 4, 6)   \
	STEP(R3)

#define NIBBLES(p) \
	VLD1.P 16(p), [V20.B16]         \
	VUSHR $4, V20.B16, V21.B16      \
	VAND V30.B16, V20.B16, V20.B16

#define ROW4(p, v, n) \
	NIBBLES(p) \
	DOT32(v, n)

#define ROW5(p, v, n) \
	VLD1R.P 4(p), [V22.S4] \
	NIBBLES(p)             \
	VTBL V19.B16, [V22.B16], V23.B16  \
	VTBL V18.B16, [V22.B16], V22.B16  \
	VCMTST V10.B16, V22.B16, V22.B16  \
	VCMTST V10.B16, V23.B16, V23.B16  \
	VBIT V11.B16, V22.B16, V20.B16    \
	VBIT V11.B16, V23.B16, V21.B16    \
	DOT32(v, n)

#define FIFTHS \
	MOVD $spread<>(SB), R12        \
	VLD1 (R12), [V18.B16, V19.B16] \
	MOVD $0x8040201008040201, R12  \
	VDUP R12, V10.D2               \
	VMOVI $16, V11.B16

#define ROW8(p, v, n) \
	VLD1.P 32(p), [V20.B16, V21.B16] \
	DOT8(v, n)

// V10: what the nibbles stand for.
#define ROWTABLE(p, v, n) \
	NIBBLES(p) \
	VTBL V20.B16, [V10.B16], V20.B16 \
	VTBL V21.B16, [V10.B16], V21.B16 \
	DOT8(v, n)

// Weights of lane 0 of V31 too much: the sums, less that times the activations' sum. Exact: all are integers below 2^24.
#define UNBIAS \
	SCVTF(0, 0)          \
	SCVTF(4, 4)          \
	FMLSL(0, 31, 28, 1)  \
	FMLSL(4, 31, 28, 1)

#define NEXTBLOCK \
	SUBS $1, R2, R2 \
	BNE loop        \
	VST1 [V8.S4, V9.S4], (R0) \
	RET

// $0x41000000 is 8 as a float, $0x41800000 16.
#define Q4_0 \
	DIRECTARGS(5) \
	ZERO(V8) \
	ZERO(V9) \
	MOVW $0x41000000, R12 \
	VDUP R12, V31.S4 \
loop: \
	HALVES(V24, V25, 24, 25) \
	BLOCK(ROW4) \
	UNBIAS \
	SCALED(0, 4, 8, 9) \
	NEXTBLOCK

#define Q4_1 \
	DIRECTARGS(5) \
	ZERO(V8) \
	ZERO(V9) \
loop: \
	HALVES(V24, V25, 24, 25) \
	HALVES(V26, V27, 26, 27) \
	BLOCK(ROW4) \
	PRODUCT(0, 4, 8, 9) \
	MINIMUM(0, 8, 9) \
	NEXTBLOCK

#define Q5_0 \
	DIRECTARGS(5) \
	ZERO(V8) \
	ZERO(V9) \
	FIFTHS \
	MOVW $0x41800000, R12 \
	VDUP R12, V31.S4 \
loop: \
	HALVES(V24, V25, 24, 25) \
	BLOCK(ROW5) \
	UNBIAS \
	SCALED(0, 4, 8, 9) \
	NEXTBLOCK

#define Q5_1 \
	DIRECTARGS(5) \
	ZERO(V8) \
	ZERO(V9) \
	FIFTHS \
loop: \
	HALVES(V24, V25, 24, 25) \
	HALVES(V26, V27, 26, 27) \
	BLOCK(ROW5) \
	PRODUCT(0, 4, 8, 9) \
	MINIMUM(0, 8, 9) \
	NEXTBLOCK

#define Q8_0 \
	DIRECTARGS(5) \
	ZERO(V8) \
	ZERO(V9) \
loop: \
	HALVES(V24, V25, 24, 25) \
	BLOCK(ROW8) \
	PRODUCT(0, 4, 8, 9) \
	NEXTBLOCK

#define IQ4_NL \
	DIRECTARGS(5) \
	ZERO(V8) \
	ZERO(V9) \
	MOVD $iq4nl<>(SB), R12 \
	VLD1 (R12), [V10.B16] \
loop: \
	HALVES(V24, V25, 24, 25) \
	BLOCK(ROWTABLE) \
	PRODUCT(0, 4, 8, 9) \
	NEXTBLOCK
