#include "textflag.h"
#include "neon_arm64.h"

// Sixteen integers at R1 to floats V0–V3, times lane 0 of V4.
#define SIXTEEN \
	VLD1.P 16(R1), [V5.B16] \
	SXTL8H(6, 5)      \
	SXTL28H(7, 5)     \
	SXTL4S(0, 6)      \
	SXTL24S(1, 6)     \
	SXTL4S(2, 7)      \
	SXTL24S(3, 7)     \
	SCVTF(0, 0)       \
	SCVTF(1, 1)       \
	SCVTF(2, 2)       \
	SCVTF(3, 3)       \
	FMULL(0, 0, 4, 0) \
	FMULL(1, 1, 4, 0) \
	FMULL(2, 2, 4, 0) \
	FMULL(3, 3, 4, 0)

#define KEEP VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)

// func scaleNEON(dst *float32, q *int8, d, m *float32, groups, group, shift int)
// R5: sixteens of a group, R6: those left. R4: groups left.
TEXT ·scaleNEON(SB), NOSPLIT, $0-56
	MOVD dst+0(FP), R0
	MOVD q+8(FP), R1
	MOVD d+16(FP), R2
	MOVD m+24(FP), R3
	MOVD groups+32(FP), R4
	MOVD group+40(FP), R5
	LSR $4, R5, R5
	CBNZ R3, offset
plain:
	VLD1R.P 4(R2), [V4.S4]
	MOVD R5, R6
plain16:
	SIXTEEN
	KEEP
	SUBS $1, R6, R6
	BNE plain16
	SUBS $1, R4, R4
	BNE plain
	RET
offset:
	VLD1R.P 4(R2), [V4.S4]
	VLD1R.P 4(R3), [V16.S4]
	MOVD R5, R6
offset16:
	SIXTEEN
	FADD(0, 0, 16)
	FADD(1, 1, 16)
	FADD(2, 2, 16)
	FADD(3, 3, 16)
	KEEP
	SUBS $1, R6, R6
	BNE offset16
	SUBS $1, R4, R4
	BNE offset
	RET
