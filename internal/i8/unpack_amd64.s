#include "textflag.h"

DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibbles<>(SB), RODATA|NOPTR, $8
DATA eights<>+0(SB)/8, $0x0808080808080808
GLOBL eights<>(SB), RODATA|NOPTR, $8

// func unpack4AVX2(lo, hi *int8, src *byte, n int)
TEXT ·unpack4AVX2(SB), NOSPLIT, $0-32
	MOVQ lo+0(FP), DI
	MOVQ hi+8(FP), DX
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
	VPBROADCASTQ nibbles<>(SB), Y15
	VPBROADCASTQ eights<>(SB), Y14
	XORQ AX, AX
	// The tiles of a session lie behind each other: see FETCH in rows_avx512_amd64.h.
loop:
	PREFETCHT1 16384(SI)(AX*1)
	PREFETCHT0 2048(SI)(AX*1)
	VMOVDQU (SI)(AX*1), Y0
	VMOVDQU 32(SI)(AX*1), Y2
	VPSRLW $4, Y0, Y1
	VPSRLW $4, Y2, Y3
	VPAND Y15, Y0, Y0
	VPAND Y15, Y1, Y1
	VPAND Y15, Y2, Y2
	VPAND Y15, Y3, Y3
	VPSUBB Y14, Y0, Y0
	VPSUBB Y14, Y1, Y1
	VPSUBB Y14, Y2, Y2
	VPSUBB Y14, Y3, Y3
	VMOVDQU Y0, (DI)(AX*1)
	VMOVDQU Y2, 32(DI)(AX*1)
	VMOVDQU Y1, (DX)(AX*1)
	VMOVDQU Y3, 32(DX)(AX*1)
	ADDQ $64, AX
	CMPQ AX, CX
	JLT loop
	VZEROUPPER
	RET
