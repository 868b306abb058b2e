#include "textflag.h"

// Sixteen integers at SI to floats Y0 and Y1, times Y2.
#define SIXTEEN \
	VPMOVSXBD (SI), Y0  \
	VPMOVSXBD 8(SI), Y1 \
	VPSUBD Y15, Y0, Y0  \
	VPSUBD Y15, Y1, Y1  \
	VCVTDQ2PS Y0, Y0    \
	VCVTDQ2PS Y1, Y1    \
	VMULPS Y2, Y0, Y0   \
	VMULPS Y2, Y1, Y1

#define KEEP \
	VMOVUPS Y0, (DI)    \
	VMOVUPS Y1, 32(DI)  \
	ADDQ $16, SI        \
	ADDQ $64, DI

// func scaleAVX2(dst *float32, q *int8, d, m *float32, groups, group, shift int)
// BX: sixteens of a group, DX: those left. CX: groups left.
TEXT ·scaleAVX2(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ q+8(FP), SI
	MOVQ d+16(FP), R8
	MOVQ m+24(FP), R9
	MOVQ groups+32(FP), CX
	MOVQ group+40(FP), BX
	SHRQ $4, BX
	VPBROADCASTD shift+48(FP), Y15
	TESTQ R9, R9
	JNZ  offset
plain:
	VBROADCASTSS (R8), Y2
	MOVQ BX, DX
plain16:
	SIXTEEN
	KEEP
	DECQ DX
	JNZ  plain16
	ADDQ $4, R8
	DECQ CX
	JNZ  plain
	VZEROUPPER
	RET
offset:
	VBROADCASTSS (R8), Y2
	VBROADCASTSS (R9), Y3
	MOVQ BX, DX
offset16:
	SIXTEEN
	VADDPS Y3, Y0, Y0
	VADDPS Y3, Y1, Y1
	KEEP
	DECQ DX
	JNZ  offset16
	ADDQ $4, R8
	ADDQ $4, R9
	DECQ CX
	JNZ  offset
	VZEROUPPER
	RET
