#include "textflag.h"
#include "neon_arm64.h"

// Reductions keep 16 lanes in four registers, like the Go twins.

#define ZERO4(a, b, c, d) \
	VEOR a.B16, a.B16, a.B16 \
	VEOR b.B16, b.B16, b.B16 \
	VEOR c.B16, c.B16, c.B16 \
	VEOR d.B16, d.B16, d.B16

#define FMA4(a, x, y) \
	FMLA(a, x, y)             \
	FMLA((a+1), (x+1), (y+1)) \
	FMLA((a+2), (x+2), (y+2)) \
	FMLA((a+3), (x+3), (y+3))

// Sixteen halves at p to V24-V27.
#define HALVES16(p) \
	VLD1.P 32(p), [V28.H8, V29.H8] \
	FCVTL(24, 28)  \
	FCVTL2(25, 28) \
	FCVTL(26, 29)  \
	FCVTL2(27, 29)

// R0 result, R1 factors, R2 rows, R3 elements left, R4 bytes from row to row, R9 rows. Blocks of 32 and 8 elements of the
// result stay in registers over all rows; R6 R7 R8 are the factors, a row and the rows left in a block.
#define AXPYARGS \
	MOVD y+0(FP), R0       \
	MOVD p+8(FP), R1       \
	MOVD v+16(FP), R2      \
	MOVD n+24(FP), R3      \
	MOVD stride+32(FP), R4 \
	MOVD rows+40(FP), R9

// func dotNEON(a, b *float32, n int, l *float32)
TEXT ·dotNEON(SB), NOSPLIT, $0-32
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD n+16(FP), R2
	MOVD l+24(FP), R3
	ZERO4(V0, V1, V2, V3)
	CBZ R2, done
loop:
	VLD1.P 64(R0), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1.P 64(R1), [V24.S4, V25.S4, V26.S4, V27.S4]
	FMA4(0, 20, 24)
	SUBS $16, R2, R2
	BNE loop
done:
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R3)
	RET

// func dotF16NEON(a *float32, b *uint16, n int, l *float32)
TEXT ·dotF16NEON(SB), NOSPLIT, $0-32
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD n+16(FP), R2
	MOVD l+24(FP), R3
	ZERO4(V0, V1, V2, V3)
	CBZ R2, done
loop:
	VLD1.P 64(R0), [V20.S4, V21.S4, V22.S4, V23.S4]
	HALVES16(R1)
	FMA4(0, 20, 24)
	SUBS $16, R2, R2
	BNE loop
done:
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R3)
	RET

#define BLOCK \
	MOVD R1, R6 \
	MOVD R2, R7 \
	MOVD R9, R8

// func axpyRowsNEON(y, p, v *float32, n, stride, rows int)
TEXT ·axpyRowsNEON(SB), NOSPLIT, $0-48
	AXPYARGS
	ADD $64, R0, R10
block32:
	CMP $32, R3
	BLT block8
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1 (R10), [V4.S4, V5.S4, V6.S4, V7.S4]
	BLOCK
row32:
	VLD1R.P 4(R6), [V16.S4]
	ADD $64, R7, R11
	VLD1 (R7), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1 (R11), [V24.S4, V25.S4, V26.S4, V27.S4]
	FMLA(0, 20, 16)
	FMLA(1, 21, 16)
	FMLA(2, 22, 16)
	FMLA(3, 23, 16)
	FMLA(4, 24, 16)
	FMLA(5, 25, 16)
	FMLA(6, 26, 16)
	FMLA(7, 27, 16)
	ADD R4, R7, R7
	SUBS $1, R8, R8
	BNE row32
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R0)
	VST1 [V4.S4, V5.S4, V6.S4, V7.S4], (R10)
	ADD $128, R0, R0
	ADD $128, R10, R10
	ADD $128, R2, R2
	SUB $32, R3, R3
	B block32
block8:
	CMP $8, R3
	BLT done
	VLD1 (R0), [V0.S4, V1.S4]
	BLOCK
row8:
	VLD1R.P 4(R6), [V16.S4]
	VLD1 (R7), [V20.S4, V21.S4]
	FMLA(0, 20, 16)
	FMLA(1, 21, 16)
	ADD R4, R7, R7
	SUBS $1, R8, R8
	BNE row8
	VST1.P [V0.S4, V1.S4], 32(R0)
	ADD $32, R2, R2
	SUB $8, R3, R3
	B block8
done:
	RET

// func axpyRowsF16NEON(y, p *float32, v *uint16, n, stride, rows int)
TEXT ·axpyRowsF16NEON(SB), NOSPLIT, $0-48
	AXPYARGS
	ADD $64, R0, R10
block32:
	CMP $32, R3
	BLT block8
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1 (R10), [V4.S4, V5.S4, V6.S4, V7.S4]
	BLOCK
row32:
	VLD1R.P 4(R6), [V16.S4]
	VLD1 (R7), [V28.H8, V29.H8, V30.H8, V31.H8]
	FCVTL(20, 28)
	FCVTL2(21, 28)
	FCVTL(22, 29)
	FCVTL2(23, 29)
	FCVTL(24, 30)
	FCVTL2(25, 30)
	FCVTL(26, 31)
	FCVTL2(27, 31)
	FMLA(0, 20, 16)
	FMLA(1, 21, 16)
	FMLA(2, 22, 16)
	FMLA(3, 23, 16)
	FMLA(4, 24, 16)
	FMLA(5, 25, 16)
	FMLA(6, 26, 16)
	FMLA(7, 27, 16)
	ADD R4, R7, R7
	SUBS $1, R8, R8
	BNE row32
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R0)
	VST1 [V4.S4, V5.S4, V6.S4, V7.S4], (R10)
	ADD $128, R0, R0
	ADD $128, R10, R10
	ADD $64, R2, R2
	SUB $32, R3, R3
	B block32
block8:
	CMP $8, R3
	BLT done
	VLD1 (R0), [V0.S4, V1.S4]
	BLOCK
row8:
	VLD1R.P 4(R6), [V16.S4]
	VLD1 (R7), [V28.H8]
	FCVTL(20, 28)
	FCVTL2(21, 28)
	FMLA(0, 20, 16)
	FMLA(1, 21, 16)
	ADD R4, R7, R7
	SUBS $1, R8, R8
	BNE row8
	VST1.P [V0.S4, V1.S4], 32(R0)
	ADD $16, R2, R2
	SUB $8, R3, R3
	B block8
done:
	RET

// func sumNEON(x *float32, n int, l *float32)
TEXT ·sumNEON(SB), NOSPLIT, $0-24
	MOVD x+0(FP), R0
	MOVD n+8(FP), R1
	MOVD l+16(FP), R2
	ZERO4(V0, V1, V2, V3)
	CBZ R1, done
loop:
	VLD1.P 64(R0), [V20.S4, V21.S4, V22.S4, V23.S4]
	FADD(0, 0, 20)
	FADD(1, 1, 21)
	FADD(2, 2, 22)
	FADD(3, 3, 23)
	SUBS $16, R1, R1
	BNE loop
done:
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R2)
	RET

// Where x > m, m = x: unlike FMAX and FMAXNM this passes over every kind of NaN.
#define LARGER(m, x, vm, vx) \
	FCMGT(31, x, m) \
	VBIT V31.B16, vx.B16, vm.B16

// func maxNEON(x *float32, n int) float32
// n is a positive multiple of 8.
TEXT ·maxNEON(SB), NOSPLIT, $0-20
	MOVD x+0(FP), R0
	MOVD n+8(FP), R1
	MOVW $0xff800000, R2
	VDUP R2, V0.S4
	VDUP R2, V1.S4
loop:
	VLD1.P 32(R0), [V2.S4, V3.S4]
	LARGER(0, 2, V0, V2)
	LARGER(1, 3, V1, V3)
	SUBS $8, R1, R1
	BNE loop
	LARGER(0, 1, V0, V1)
	VEXT $8, V0.B16, V0.B16, V1.B16
	LARGER(0, 1, V0, V1)
	VEXT $4, V0.B16, V0.B16, V1.B16
	LARGER(0, 1, V0, V1)
	FMOVS F0, ret+16(FP)
	RET

DATA expK<>+0(SB)/4, $0x3fb8aa3b  // log2e
DATA expK<>+4(SB)/4, $0x4b400000  // magic
DATA expK<>+8(SB)/4, $0xbf318000  // −ln2Hi
DATA expK<>+12(SB)/4, $0x395e8083 // −ln2Lo
DATA expK<>+16(SB)/4, $0x39506967 // expC0
DATA expK<>+20(SB)/4, $0x3ab743ce // expC1
DATA expK<>+24(SB)/4, $0x3c088908 // expC2
DATA expK<>+28(SB)/4, $0x3d2aa9c1 // expC3
DATA expK<>+32(SB)/4, $0x3e2aaaaa // expC4
DATA expK<>+36(SB)/4, $0x3f000000 // expC5
DATA expK<>+40(SB)/4, $0x3f800000 // 1
DATA expK<>+44(SB)/4, $0xc2aeac4f // expLo
DATA expK<>+48(SB)/4, $0x42b0c0a5 // expHi
DATA expK<>+52(SB)/4, $0x7f800000 // +∞
DATA expK<>+56(SB)/4, $127
GLOBL expK<>(SB), RODATA|NOPTR, $60

// p = p·r + c for both vectors; V3 V13 are p, V2 V12 are r.
#define HORNER(vc) \
	VMOV vc.B16, V4.B16  \
	VMOV vc.B16, V14.B16 \
	FMLA(4, 3, 2)        \
	FMLA(14, 13, 12)     \
	VMOV V4.B16, V3.B16  \
	VMOV V14.B16, V13.B16

// func expNEON(y, x *float32, n int)
// n is a multiple of 8.
TEXT ·expNEON(SB), NOSPLIT, $0-24
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
	MOVD $expK<>(SB), R3
	VLD1R.P 4(R3), [V16.S4] // log2e
	VLD1R.P 4(R3), [V17.S4] // magic
	VLD1R.P 4(R3), [V18.S4] // −ln2Hi
	VLD1R.P 4(R3), [V19.S4] // −ln2Lo
	VLD1R.P 4(R3), [V20.S4] // expC0
	VLD1R.P 4(R3), [V21.S4]
	VLD1R.P 4(R3), [V22.S4]
	VLD1R.P 4(R3), [V23.S4]
	VLD1R.P 4(R3), [V24.S4]
	VLD1R.P 4(R3), [V25.S4] // expC5
	VLD1R.P 4(R3), [V26.S4] // 1
	VLD1R.P 4(R3), [V27.S4] // expLo
	VLD1R.P 4(R3), [V28.S4] // expHi
	VLD1R.P 4(R3), [V29.S4] // +∞
	VLD1R.P 4(R3), [V30.S4] // 127
	CBZ R2, done
loop:
	VLD1.P 32(R1), [V5.S4, V6.S4]
	VMOV V17.B16, V0.B16 // t = x·log2e + magic
	VMOV V17.B16, V10.B16
	FMLA(0, 5, 16)
	FMLA(10, 6, 16)
	FSUB(1, 0, 17) // n
	FSUB(11, 10, 17)
	VMOV V5.B16, V2.B16 // r = x − n·ln2Hi − n·ln2Lo
	VMOV V6.B16, V12.B16
	FMLA(2, 1, 18)
	FMLA(12, 11, 18)
	FMLA(2, 1, 19)
	FMLA(12, 11, 19)
	VMOV V20.B16, V3.B16
	VMOV V20.B16, V13.B16
	HORNER(V21)
	HORNER(V22)
	HORNER(V23)
	HORNER(V24)
	HORNER(V25)
	FMUL(7, 2, 2) // p·r² + r
	FMUL(15, 12, 12)
	FMLA(2, 3, 7)
	FMLA(12, 13, 15)
	FADD(2, 2, 26)
	FADD(12, 12, 26)
	VADD V30.S4, V0.S4, V0.S4
	VADD V30.S4, V10.S4, V10.S4
	VSHL $23, V0.S4, V0.S4
	VSHL $23, V10.S4, V10.S4
	FMUL(0, 0, 2)
	FMUL(10, 10, 12)
	VEOR V4.B16, V4.B16, V4.B16
	FCMGT(1, 27, 5) // x < expLo: 0
	FCMGT(11, 27, 6)
	VBIT V1.B16, V4.B16, V0.B16
	VBIT V11.B16, V4.B16, V10.B16
	FCMGT(1, 5, 28) // x > expHi: +∞
	FCMGT(11, 6, 28)
	VBIT V1.B16, V29.B16, V0.B16
	VBIT V11.B16, V29.B16, V10.B16
	FCMEQ(1, 5, 5) // NaN stays
	FCMEQ(11, 6, 6)
	VBIF V1.B16, V5.B16, V0.B16
	VBIF V11.B16, V6.B16, V10.B16
	VMOV V10.B16, V1.B16
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
done:
	RET

// func f16ToF32NEON(dst *float32, src *uint16, n int)
TEXT ·f16ToF32NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
	CBZ R2, done
loop:
	VLD1.P 16(R1), [V2.H8]
	FCVTL(0, 2)
	FCVTL2(1, 2)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
done:
	RET

// func bf16ToF32NEON(dst *float32, src *uint16, n int)
TEXT ·bf16ToF32NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
	VEOR V3.B16, V3.B16, V3.B16
	CBZ R2, done
loop:
	VLD1.P 16(R1), [V2.H8]
	VZIP1 V2.H8, V3.H8, V0.H8
	VZIP2 V2.H8, V3.H8, V1.H8
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
done:
	RET

// func f32ToF16NEON(dst *uint16, src *float32, n int)
TEXT ·f32ToF16NEON(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2
	CBZ R2, done
loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	FCVTN(2, 0)
	FCVTN2(2, 1)
	VST1.P [V2.H8], 16(R0)
	SUBS $8, R2, R2
	BNE loop
done:
	RET
