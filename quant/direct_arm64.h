// What the products of 8 packed rows and one row of activations share. R0 result, R1 activations, R2 blocks left, R3 meta,
// R4-R11 rows. V30 is the nibble mask.

#define DIRECTARGS(shift) \
	MOVD y+0(FP), R0         \
	MOVD a+8(FP), R1         \
	MOVD cols+16(FP), R2     \
	MOVD meta+24(FP), R3     \
	MOVD w+32(FP), R4        \
	MOVD rowBytes+40(FP), R5 \
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

// Halves at the start of 8 rows, as floats.
#define HALVES(v, lo, hi) \
	VLD1.P 2(R4), v.H[0]  \
	VLD1.P 2(R5), v.H[1]  \
	VLD1.P 2(R6), v.H[2]  \
	VLD1.P 2(R7), v.H[3]  \
	VLD1.P 2(R8), v.H[4]  \
	VLD1.P 2(R9), v.H[5]  \
	VLD1.P 2(R10), v.H[6] \
	VLD1.P 2(R11), v.H[7] \
	FCVTL2(hi, lo)        \
	FCVTL(lo, lo)
