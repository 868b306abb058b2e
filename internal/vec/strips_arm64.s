#include "textflag.h"
#include "neon_arm64.h"

// Passes over a vocabulary's logits. See the declarations in strips_arm64.go.

// BIGGER sets a to the larger of a and x, a where x is NaN; vt is scratch.
#define BIGGER(a, x, t, va, vx, vt) \
	FCMGT(t, x, a) \
	VBIT vt.B16, vx.B16, va.B16

// func stripMaxNEON(high, x *float32, n int)
TEXT ·stripMaxNEON(SB), NOSPLIT, $0-24
	MOVD high+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
	MOVW $0xff800000, R3
	VDUP R3, V16.S4
	VEOR V17.B16, V17.B16, V17.B16
strip:
	VMOV V16.B16, V0.B16
	VMOV V16.B16, V1.B16
	VMOV V16.B16, V2.B16
	VMOV V16.B16, V3.B16
	MOVD $4, R4
loop:
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	BIGGER(0, 4, 8, V0, V4, V8)
	BIGGER(1, 5, 9, V1, V5, V9)
	BIGGER(2, 6, 10, V2, V6, V10)
	BIGGER(3, 7, 11, V3, V7, V11)
	SUBS $1, R4, R4
	BNE loop
	BIGGER(0, 1, 8, V0, V1, V8)
	BIGGER(2, 3, 9, V2, V3, V9)
	BIGGER(0, 2, 8, V0, V2, V8)
	VEXT $8, V0.B16, V0.B16, V1.B16
	BIGGER(0, 1, 8, V0, V1, V8)
	VEXT $4, V0.B16, V0.B16, V1.B16
	BIGGER(0, 1, 8, V0, V1, V8)
	FADD(0, 0, 17) // −0 becomes 0
	FMOVS.P F0, 4(R0)
	SUBS $1, R2, R2
	BNE strip
	RET

DATA sumK<>+0(SB)/4, $0xc2ac0000  // sumLo
DATA sumK<>+4(SB)/4, $0x3fb8aa3b  // log2e
DATA sumK<>+8(SB)/4, $0x4b400000  // magic
DATA sumK<>+12(SB)/4, $0xbf317218 // −ln2
DATA sumK<>+16(SB)/4, $0x3c08313d // sumC3
DATA sumK<>+20(SB)/4, $0x3d2b9503 // sumC2
DATA sumK<>+24(SB)/4, $0x3e2aabd7 // sumC1
DATA sumK<>+28(SB)/4, $0x3efffefe // sumC0
DATA sumK<>+32(SB)/4, $0x3f800000 // 1
GLOBL sumK<>(SB), RODATA|NOPTR, $36

// SUMSTEP is p = p·d + c for four vectors: d V0–V3, p V4–V7, scratch V8–V11.
#define SUMSTEP(vc) \
	VMOV vc.B16, V8.B16  \
	VMOV vc.B16, V9.B16  \
	VMOV vc.B16, V10.B16 \
	VMOV vc.B16, V11.B16 \
	FMLA(8, 4, 0)        \
	FMLA(9, 5, 1)        \
	FMLA(10, 6, 2)       \
	FMLA(11, 7, 3)       \
	VMOV V8.B16, V4.B16  \
	VMOV V9.B16, V5.B16  \
	VMOV V10.B16, V6.B16 \
	VMOV V11.B16, V7.B16

// func sumExpNEON(sum *Lanes, x *float32, n int, shift float32)
// A quarter of a strip's lanes takes four vectors, 64 bytes from each other.
TEXT ·sumExpNEON(SB), NOSPLIT, $0-28
	MOVD sum+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
	MOVW shift+24(FP), R3
	VDUP R3, V16.S4
	MOVD $sumK<>(SB), R3
	VLD1R.P 4(R3), [V17.S4] // sumLo
	VLD1R.P 4(R3), [V18.S4] // log2e
	VLD1R.P 4(R3), [V19.S4] // magic
	VLD1R.P 4(R3), [V20.S4] // −ln2
	VLD1R.P 4(R3), [V21.S4] // sumC3
	VLD1R.P 4(R3), [V22.S4]
	VLD1R.P 4(R3), [V23.S4]
	VLD1R.P 4(R3), [V24.S4] // sumC0
	VLD1R.P 4(R3), [V25.S4] // 1
strip:
	MOVD R0, R4
	MOVD $4, R5
quarter:
	ADD $64, R1, R6
	ADD $128, R1, R7
	ADD $192, R1, R8
	VLD1.P 16(R1), [V4.S4]
	VLD1 (R6), [V5.S4]
	VLD1 (R7), [V6.S4]
	VLD1 (R8), [V7.S4]
	FSUB(4, 4, 16)
	FSUB(5, 5, 16)
	FSUB(6, 6, 16)
	FSUB(7, 7, 16)
	VMOV V17.B16, V0.B16 // d: sumLo where that is larger, or d is NaN
	VMOV V17.B16, V1.B16
	VMOV V17.B16, V2.B16
	VMOV V17.B16, V3.B16
	BIGGER(0, 4, 8, V0, V4, V8)
	BIGGER(1, 5, 9, V1, V5, V9)
	BIGGER(2, 6, 10, V2, V6, V10)
	BIGGER(3, 7, 11, V3, V7, V11)
	VMOV V19.B16, V12.B16 // t = d·log2e + magic
	VMOV V19.B16, V13.B16
	VMOV V19.B16, V14.B16
	VMOV V19.B16, V15.B16
	FMLA(12, 0, 18)
	FMLA(13, 1, 18)
	FMLA(14, 2, 18)
	FMLA(15, 3, 18)
	FSUB(8, 12, 19) // n
	FSUB(9, 13, 19)
	FSUB(10, 14, 19)
	FSUB(11, 15, 19)
	FMLA(0, 8, 20) // r = n·−ln2 + d
	FMLA(1, 9, 20)
	FMLA(2, 10, 20)
	FMLA(3, 11, 20)
	VMOV V21.B16, V4.B16
	VMOV V21.B16, V5.B16
	VMOV V21.B16, V6.B16
	VMOV V21.B16, V7.B16
	SUMSTEP(V22)
	SUMSTEP(V23)
	SUMSTEP(V24)
	SUMSTEP(V25)
	SUMSTEP(V25)
	VSHL $23, V12.S4, V12.S4
	VSHL $23, V13.S4, V13.S4
	VSHL $23, V14.S4, V14.S4
	VSHL $23, V15.S4, V15.S4
	VADD V12.S4, V4.S4, V4.S4
	VADD V13.S4, V5.S4, V5.S4
	VADD V14.S4, V6.S4, V6.S4
	VADD V15.S4, V7.S4, V7.S4
	FADD(4, 4, 5)
	FADD(6, 6, 7)
	FADD(4, 4, 6)
	FCVTLD(5, 4)
	FCVTL2D(6, 4)
	VLD1 (R4), [V8.D2, V9.D2]
	FADDD(8, 8, 5)
	FADDD(9, 9, 6)
	VST1.P [V8.D2, V9.D2], 32(R4)
	SUBS $1, R5, R5
	BNE quarter
	ADD $192, R1, R1
	SUBS $1, R2, R2
	BNE strip
	RET
