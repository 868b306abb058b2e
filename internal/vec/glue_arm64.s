#include "textflag.h"
#include "neon_arm64.h"

// Passes over vectors, 8 elements at a time. See the declarations in glue_arm64.go.

// func scaleToNEON(y, x *float32, n int, a float32)
TEXT ·scaleToNEON(SB), NOSPLIT, $0-28
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
	MOVW a+24(FP), R3
	VDUP R3, V16.S4
loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	FMUL(0, 0, 16)
	FMUL(1, 1, 16)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
	RET

// func divToNEON(y, x *float32, n int, a float32)
TEXT ·divToNEON(SB), NOSPLIT, $0-28
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
	MOVW a+24(FP), R3
	VDUP R3, V16.S4
loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	FDIV(0, 0, 16)
	FDIV(1, 1, 16)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
	RET

// func shiftToNEON(y, x *float32, n int, a float32)
TEXT ·shiftToNEON(SB), NOSPLIT, $0-28
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
	MOVW a+24(FP), R3
	VDUP R3, V16.S4
loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	FSUB(0, 0, 16)
	FSUB(1, 1, 16)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
	RET

// func addNEON(y, x *float32, n int)
TEXT ·addNEON(SB), NOSPLIT, $0-24
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	VLD1 (R0), [V2.S4, V3.S4]
	FADD(0, 2, 0)
	FADD(1, 3, 1)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
	RET

// func normNEON(y, x, w *float32, n int, r float32)
TEXT ·normNEON(SB), NOSPLIT, $0-36
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD w+16(FP), R4
	MOVD n+24(FP), R2
	MOVW r+32(FP), R3
	VDUP R3, V16.S4
loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	VLD1.P 32(R4), [V2.S4, V3.S4]
	FMUL(0, 0, 16)
	FMUL(1, 1, 16)
	FMUL(0, 0, 2)
	FMUL(1, 1, 3)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
	RET

// func gateNEON(y, x, e, up *float32, n int)
TEXT ·gateNEON(SB), NOSPLIT, $0-40
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD e+16(FP), R4
	MOVD up+24(FP), R5
	MOVD n+32(FP), R2
	MOVW $0x3f800000, R3 // 1
	VDUP R3, V16.S4
loop:
	VLD1.P 32(R4), [V0.S4, V1.S4]
	VLD1.P 32(R1), [V2.S4, V3.S4]
	VLD1.P 32(R5), [V4.S4, V5.S4]
	FADD(0, 0, 16)
	FADD(1, 1, 16)
	FDIV(0, 16, 0)
	FDIV(1, 16, 1)
	FMUL(0, 0, 2)
	FMUL(1, 1, 3)
	FMUL(0, 0, 4)
	FMUL(1, 1, 5)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
	RET

// func cubicNEON(y, x *float32, n int, a, b float32)
TEXT ·cubicNEON(SB), NOSPLIT, $0-32
	MOVD y+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
	MOVW a+24(FP), R3
	VDUP R3, V16.S4
	MOVW b+28(FP), R3
	VDUP R3, V17.S4
	MOVW $0x3f800000, R3 // 1
	VDUP R3, V18.S4
loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	FMUL(2, 0, 0)
	FMUL(3, 1, 1)
	VMOV V18.B16, V4.B16
	VMOV V18.B16, V5.B16
	FMLA(4, 2, 17)
	FMLA(5, 3, 17)
	FMUL(0, 0, 4)
	FMUL(1, 1, 5)
	FMUL(0, 0, 16)
	FMUL(1, 1, 16)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS $8, R2, R2
	BNE loop
	RET
