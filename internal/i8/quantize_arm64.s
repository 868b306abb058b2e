#include "textflag.h"
#include "neon_arm64.h"

#define MAGNITUDE(a, to) VAND V31.B16, a.B16, to.B16

#define ARGS \
	MOVD q+0(FP), R0         \
	MOVD meta+8(FP), R1      \
	MOVD x+16(FP), R2        \
	MOVD groups+24(FP), R3   \
	MOVW $0x7fffffff, R4     \
	VDUP R4, V31.S4          \
	MOVW $0x42fe0000, R4     \
	FMOVS R4, F30            \
	MOVW $0x7f800000, R5     \
	MOVW $0x0d800000, R6

// Quantises V0-V7. R5 is infinity, R6 2^-100, F30 127; F17 becomes 127/amax, F18 the scale, R7 −128 times the sum. Infinity and
// NaN go to undefined, what is below 2^-100 to zero.
#define QUANTIZE \
	MAGNITUDE(V0, V16) \
	MAGNITUDE(V1, V17) \
	MAGNITUDE(V2, V18) \
	MAGNITUDE(V3, V19) \
	MAGNITUDE(V4, V20) \
	MAGNITUDE(V5, V21) \
	MAGNITUDE(V6, V22) \
	MAGNITUDE(V7, V23) \
	VUMAX V16.S4, V17.S4, V16.S4 \
	VUMAX V18.S4, V19.S4, V18.S4 \
	VUMAX V20.S4, V21.S4, V20.S4 \
	VUMAX V22.S4, V23.S4, V22.S4 \
	VUMAX V16.S4, V18.S4, V16.S4 \
	VUMAX V20.S4, V22.S4, V20.S4 \
	VUMAX V16.S4, V20.S4, V16.S4 \
	UMAXV(16, 16) \
	FMOVS F16, R7 \
	CMPW R5, R7 \
	BHS undefined \
	CMPW R6, R7 \
	BLO zero \
	FDIVS F16, F30, F17 \
	FDIVS F30, F16, F18 \
	FMULL(0, 0, 17, 0) \
	FMULL(1, 1, 17, 0) \
	FMULL(2, 2, 17, 0) \
	FMULL(3, 3, 17, 0) \
	FMULL(4, 4, 17, 0) \
	FMULL(5, 5, 17, 0) \
	FMULL(6, 6, 17, 0) \
	FMULL(7, 7, 17, 0) \
	FCVTNS(0, 0) \
	FCVTNS(1, 1) \
	FCVTNS(2, 2) \
	FCVTNS(3, 3) \
	FCVTNS(4, 4) \
	FCVTNS(5, 5) \
	FCVTNS(6, 6) \
	FCVTNS(7, 7) \
	VADD V0.S4, V1.S4, V20.S4 \
	VADD V2.S4, V3.S4, V21.S4 \
	VADD V4.S4, V5.S4, V22.S4 \
	VADD V6.S4, V7.S4, V23.S4 \
	VADD V20.S4, V21.S4, V20.S4 \
	VADD V22.S4, V23.S4, V22.S4 \
	VADD V20.S4, V22.S4, V20.S4 \
	ADDP(20, 20, 20) \
	ADDP(20, 20, 20) \
	FMOVS F20, R7 \
	LSL $7, R7, R7 \
	NEG R7, R7 \
	XTN4H(0, 0) \
	XTN8H(0, 1) \
	XTN4H(2, 2) \
	XTN8H(2, 3) \
	XTN4H(4, 4) \
	XTN8H(4, 5) \
	XTN4H(6, 6) \
	XTN8H(6, 7) \
	XTN8B(0, 0) \
	XTN16B(0, 2) \
	XTN8B(1, 4) \
	XTN16B(1, 6) \
	VST1.P [V0.B16, V1.B16], 32(R0) \
	FMOVS F18, (R1) \
	MOVW R7, 4(R1)

// func quantizeNEON(q *int8, meta *Meta, x *float32, groups int)
TEXT ·quantizeNEON(SB), NOSPLIT, $0-32
	ARGS
loop:
	VLD1.P 64(R2), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R2), [V4.S4, V5.S4, V6.S4, V7.S4]
	QUANTIZE
next:
	ADD $8, R1, R1
	SUBS $1, R3, R3
	BNE loop
	RET
undefined:
	MOVW $0x7fc00000, R7 // NaN
	B blank
zero:
	MOVW $0, R7
blank:
	ZERO(V0)
	ZERO(V1)
	VST1.P [V0.B16, V1.B16], 32(R0)
	MOVW R7, (R1)
	MOVW ZR, 4(R1)
	B next

// func weighNEON(q *int8, meta *Meta, x *float32, groups int, f *float32, period int)
TEXT ·weighNEON(SB), NOSPLIT, $0-48
	ARGS
	MOVD period+40(FP), R9
row:
	MOVD f+32(FP), R10
	MOVD R9, R11
loop:
	VLD1.P 64(R2), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R2), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(R10), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P 64(R10), [V20.S4, V21.S4, V22.S4, V23.S4]
	FMUL(0, 0, 16)
	FMUL(1, 1, 17)
	FMUL(2, 2, 18)
	FMUL(3, 3, 19)
	FMUL(4, 4, 20)
	FMUL(5, 5, 21)
	FMUL(6, 6, 22)
	FMUL(7, 7, 23)
	QUANTIZE
next:
	ADD $8, R1, R1
	SUBS $1, R3, R3
	BEQ done
	SUBS $1, R11, R11
	BNE loop
	B row
done:
	RET
undefined:
	MOVW $0x7fc00000, R7 // NaN
	B blank
zero:
	MOVW $0, R7
blank:
	ZERO(V0)
	ZERO(V1)
	VST1.P [V0.B16, V1.B16], 32(R0)
	MOVW R7, (R1)
	MOVW ZR, 4(R1)
	B next
