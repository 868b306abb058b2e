// Instructions that Go's assembler lacks. Operands are register numbers in the order of the manual, which each macro's
// comment follows; internal/lint checks that the encodings are what the comments say.

// ADDP Vd.4S, Vn.4S, Vm.4S
#define ADDP(Vd, Vn, Vm) WORD $(0x4ea0bc00 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SDOT Vd.4S, Vn.16B, Vm.16B
#define SDOT(Vd, Vn, Vm) WORD $(0x4e809400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SDOT Vd.4S, Vn.16B, Vm.4B[lane]
#define SDOTL(Vd, Vn, Vm, lane) WORD $(0x4f80e000 | (((lane)&1)<<21) | (((lane)>>1)<<11) | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMMLA Vd.4S, Vn.16B, Vm.16B
#define SMMLA(Vd, Vn, Vm) WORD $(0x4e80a400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMULL Vd.8H, Vn.8B, Vm.8B
#define SMULL(Vd, Vn, Vm) WORD $(0x0e20c000 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMULL2 Vd.8H, Vn.16B, Vm.16B
#define SMULL2(Vd, Vn, Vm) WORD $(0x4e20c000 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMLAL Vd.8H, Vn.8B, Vm.8B
#define SMLAL(Vd, Vn, Vm) WORD $(0x0e208000 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMLAL2 Vd.8H, Vn.16B, Vm.16B
#define SMLAL2(Vd, Vn, Vm) WORD $(0x4e208000 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SADALP Vd.4S, Vn.8H
#define SADALP(Vd, Vn) WORD $(0x4e606800 | ((Vn)<<5) | (Vd))
// SADDLP Vd.4S, Vn.8H
#define SADDLP(Vd, Vn) WORD $(0x4e602800 | ((Vn)<<5) | (Vd))
// SCVTF Vd.4S, Vn.4S
#define SCVTF(Vd, Vn) WORD $(0x4e21d800 | ((Vn)<<5) | (Vd))
// SCVTF Vd.4S, Vn.4S, #bits
#define SCVTFX(Vd, Vn, bits) WORD $(0x4f00e400 | ((64-(bits))<<16) | ((Vn)<<5) | (Vd))
// UCVTF Vd.4S, Vn.4S, #bits
#define UCVTFX(Vd, Vn, bits) WORD $(0x6f00e400 | ((64-(bits))<<16) | ((Vn)<<5) | (Vd))
// FCVTNS Vd.4S, Vn.4S
#define FCVTNS(Vd, Vn) WORD $(0x4e21a800 | ((Vn)<<5) | (Vd))
// FCVTL Vd.4S, Vn.4H
#define FCVTL(Vd, Vn) WORD $(0x0e217800 | ((Vn)<<5) | (Vd))
// FCVTL2 Vd.4S, Vn.8H
#define FCVTL2(Vd, Vn) WORD $(0x4e217800 | ((Vn)<<5) | (Vd))
// FNEG Vd.4S, Vn.4S
#define FNEG(Vd, Vn) WORD $(0x6ea0f800 | ((Vn)<<5) | (Vd))
// FMLA Vd.4S, Vn.4S, Vm.4S
#define FMLA(Vd, Vn, Vm) WORD $(0x4e20cc00 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FADD Vd.4S, Vn.4S, Vm.4S
#define FADD(Vd, Vn, Vm) WORD $(0x4e20d400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FMUL Vd.4S, Vn.4S, Vm.4S
#define FMUL(Vd, Vn, Vm) WORD $(0x6e20dc00 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FMUL Vd.4S, Vn.4S, Vm.S[lane]
#define FMULL(Vd, Vn, Vm, lane) WORD $(0x4f809000 | (((lane)&1)<<21) | (((lane)>>1)<<11) | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FMLA Vd.4S, Vn.4S, Vm.S[lane]
#define FMLAL(Vd, Vn, Vm, lane) WORD $(0x4f801000 | (((lane)&1)<<21) | (((lane)>>1)<<11) | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FMLS Vd.4S, Vn.4S, Vm.S[lane]
#define FMLSL(Vd, Vn, Vm, lane) WORD $(0x4f805000 | (((lane)&1)<<21) | (((lane)>>1)<<11) | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// UMAXV Sd, Vn.4S
#define UMAXV(Vd, Vn) WORD $(0x6eb0a800 | ((Vn)<<5) | (Vd))
// XTN Vd.4H, Vn.4S
#define XTN4H(Vd, Vn) WORD $(0x0e612800 | ((Vn)<<5) | (Vd))
// XTN2 Vd.8H, Vn.4S
#define XTN8H(Vd, Vn) WORD $(0x4e612800 | ((Vn)<<5) | (Vd))
// XTN Vd.8B, Vn.8H
#define XTN8B(Vd, Vn) WORD $(0x0e212800 | ((Vn)<<5) | (Vd))
// XTN2 Vd.16B, Vn.8H
#define XTN16B(Vd, Vn) WORD $(0x4e212800 | ((Vn)<<5) | (Vd))
// SXTL Vd.8H, Vn.8B
#define SXTL8H(Vd, Vn) WORD $(0x0f08a400 | ((Vn)<<5) | (Vd))
// SXTL2 Vd.8H, Vn.16B
#define SXTL28H(Vd, Vn) WORD $(0x4f08a400 | ((Vn)<<5) | (Vd))
// SXTL Vd.4S, Vn.4H
#define SXTL4S(Vd, Vn) WORD $(0x0f10a400 | ((Vn)<<5) | (Vd))
// SXTL2 Vd.4S, Vn.8H
#define SXTL24S(Vd, Vn) WORD $(0x4f10a400 | ((Vn)<<5) | (Vd))

// What both kinds of tile kernels share: R10 tile, R11 scales, R12 offsets, R13 blocks left, R2-R5 activations and R6-R9
// meta of the rows, R0 result, its rows R1 bytes apart. At a group's end V24 V25 are its scales, V26 V27 its offsets and
// V28 V29 a meta record.
#define ARGS4 \
	MOVD y+0(FP), R0       \
	MOVD stride+8(FP), R1  \
	MOVD a+16(FP), R2      \
	MOVD cols+24(FP), R13  \
	MOVD meta+32(FP), R6   \
	MOVD w+40(FP), R10     \
	MOVD d+48(FP), R11     \
	MOVD m+56(FP), R12     \
	LSL $2, R1, R1         \
	ADD R13, R2, R3        \
	ADD R13, R3, R4        \
	ADD R13, R4, R5        \
	ADD R13, R6, R7        \
	ADD R13, R7, R8        \
	ADD R13, R8, R9        \
	LSR $5, R13, R13

#define ARGS1 \
	MOVD y+0(FP), R0       \
	MOVD a+16(FP), R2      \
	MOVD cols+24(FP), R13  \
	MOVD meta+32(FP), R6   \
	MOVD w+40(FP), R10     \
	MOVD d+48(FP), R11     \
	MOVD m+56(FP), R12     \
	LSR $5, R13, R13

// Not an exclusive or, which would wait for what the register held.
#define ZERO(v) VMOVI $0, v.B16

#define SCALES VLD1.P 32(R11), [V24.S4, V25.S4]
#define OFFSETS VLD1.P 32(R12), [V26.S4, V27.S4]

// The meta record of a row, for the second group of 16 again (STAY before, STEP after).
#define STAY(row) VLD1 (row), [V28.S4, V29.S4]
#define STEP(row) VLD1.P 32(row), [V28.S4, V29.S4]

// acc += d·(da·sum) for 8 rows. The sums are floats in SCALED, integers in PRODUCT.
#define PRODUCT(s0, s1, acc0, acc1) \
	SCVTF(s0, s0)          \
	SCVTF(s1, s1)          \
	SCALED(s0, s1, acc0, acc1)

#define SCALED(s0, s1, acc0, acc1) \
	FMULL(s0, s0, 28, 0)   \
	FMULL(s1, s1, 28, 0)   \
	FMLA(acc0, s0, 24)     \
	FMLA(acc1, s1, 25)

// acc += m·(da·Σa), which is in a lane of V29.
#define MINIMUM(lane, acc0, acc1) \
	FMLAL(acc0, 26, 29, lane) \
	FMLAL(acc1, 27, 29, lane)
