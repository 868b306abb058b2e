#include "textflag.h"

// Unpacking of weight rows and interleaving of panels, AVX2. See the declarations in panel_amd64.go.

DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibbles<>(SB), RODATA|NOPTR, $8
DATA sixteens<>+0(SB)/8, $0x1010101010101010
GLOBL sixteens<>(SB), RODATA|NOPTR, $8
DATA bits4and5<>+0(SB)/8, $0x3030303030303030
GLOBL bits4and5<>(SB), RODATA|NOPTR, $8
DATA signs<>+0(SB)/4, $0x80000000
GLOBL signs<>(SB), RODATA|NOPTR, $4

// Byte i of a 32-bit mask's broadcast goes to lanes 8i to 8i+7, where one bit each is tested.
DATA spread<>+0(SB)/8, $0x0000000000000000
DATA spread<>+8(SB)/8, $0x0101010101010101
DATA spread<>+16(SB)/8, $0x0202020202020202
DATA spread<>+24(SB)/8, $0x0303030303030303
GLOBL spread<>(SB), RODATA|NOPTR, $32
DATA bitOf<>+0(SB)/8, $0x8040201008040201
GLOBL bitOf<>(SB), RODATA|NOPTR, $8

#define ARGS \
	MOVQ q+0(FP), DI   \
	MOVQ d+8(FP), R8   \
	MOVQ m+16(FP), R9  \
	MOVQ src+24(FP), SI \
	MOVQ blocks+32(FP), CX

// Y0 = the 16 low nibbles, then the 16 high ones, of the bytes at src. Y15 is the nibble mask.
#define NIBBLES(src) \
	VMOVDQU src, X0            \
	VPSRLW $4, X0, X1          \
	VINSERTI128 $1, X1, Y0, Y0 \
	VPAND Y15, Y0, Y0

// Y0 |= 16 where the 32-bit mask at src has a bit. Y12 spread, Y13 bits, Y14 sixteens.
#define FIFTH(src) \
	VPBROADCASTD src, Y1      \
	VPSHUFB Y12, Y1, Y1       \
	VPAND Y13, Y1, Y1         \
	VPCMPEQB Y13, Y1, Y1      \
	VPAND Y14, Y1, Y1         \
	VPOR Y1, Y0, Y0

#define FIFTHMASKS \
	VMOVDQU spread<>(SB), Y12        \
	VPBROADCASTQ bitOf<>(SB), Y13    \
	VPBROADCASTQ sixteens<>(SB), Y14

// One scale.
#define SCALE1(src) \
	VPBROADCASTW src, X2 \
	VCVTPH2PS X2, X2     \
	VMOVSS X2, (R8)

// A scale and an offset.
#define SCALE2(src) \
	VPBROADCASTD src, X2  \
	VCVTPH2PS X2, X2      \
	VMOVSS X2, (R8)       \
	VEXTRACTPS $1, X2, (R9)

// The end of an unpacker of blocks of 32: to the next one.
#define NEXT(size, loop) \
	ADDQ $size, SI \
	ADDQ $32, DI   \
	ADDQ $4, R8    \
	DECQ CX        \
	JNZ  loop      \
	VZEROUPPER     \
	RET

// func unpackQ4_0AVX2(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ4_0AVX2(SB), NOSPLIT, $0-40
	ARGS
	VPBROADCASTQ nibbles<>(SB), Y15
loop:
	NIBBLES(2(SI))
	VMOVDQU Y0, (DI)
	SCALE1((SI))
	NEXT(18, loop)

// func unpackQ4_1AVX2(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ4_1AVX2(SB), NOSPLIT, $0-40
	ARGS
	VPBROADCASTQ nibbles<>(SB), Y15
loop:
	NIBBLES(4(SI))
	VMOVDQU Y0, (DI)
	SCALE2((SI))
	ADDQ $4, R9
	NEXT(20, loop)

// func unpackQ5_0AVX2(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ5_0AVX2(SB), NOSPLIT, $0-40
	ARGS
	VPBROADCASTQ nibbles<>(SB), Y15
	FIFTHMASKS
loop:
	NIBBLES(6(SI))
	FIFTH(2(SI))
	VMOVDQU Y0, (DI)
	SCALE1((SI))
	NEXT(22, loop)

// func unpackQ5_1AVX2(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ5_1AVX2(SB), NOSPLIT, $0-40
	ARGS
	VPBROADCASTQ nibbles<>(SB), Y15
	FIFTHMASKS
loop:
	NIBBLES(8(SI))
	FIFTH(4(SI))
	VMOVDQU Y0, (DI)
	SCALE2((SI))
	ADDQ $4, R9
	NEXT(24, loop)

// func unpackIQ4_NLAVX2(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackIQ4_NLAVX2(SB), NOSPLIT, $0-40
	ARGS
	VPBROADCASTQ nibbles<>(SB), Y15
	VBROADCASTI128 ·tableIQ4_NL(SB), Y14
loop:
	NIBBLES(2(SI))
	VPSHUFB Y0, Y14, Y0
	VMOVDQU Y0, (DI)
	SCALE1((SI))
	NEXT(18, loop)

// func unpackQ8_0AVX2(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ8_0AVX2(SB), NOSPLIT, $0-40
	ARGS
loop:
	VMOVDQU 2(SI), Y0
	VMOVDQU Y0, (DI)
	SCALE1((SI))
	NEXT(34, loop)

// The head of a Q4_K or Q5_K block into 8 scales and 8 negated minima. Bytes j and j+4 hold 6 bits of groups 0 to 3; their
// top bit pairs go above the nibbles of bytes 8 to 11 for groups 4 to 7. R14 is free: this is not an ABIInternal function.
#define SCALESK \
	VPBROADCASTW (SI), X2    \
	VPBROADCASTW 2(SI), X3   \
	VCVTPH2PS X2, Y2         \
	VCVTPH2PS X3, Y3         \
	MOVL 4(SI), AX           \
	MOVL 8(SI), BX           \
	MOVL 12(SI), DX          \
	MOVL DX, R10             \
	SHRL $4, R10             \
	ANDL $0x0f0f0f0f, DX     \
	ANDL $0x0f0f0f0f, R10    \
	MOVL AX, R11             \
	MOVL BX, R12             \
	SHRL $2, R11             \
	SHRL $2, R12             \
	ANDL $0x30303030, R11    \
	ANDL $0x30303030, R12    \
	ORL R11, DX              \
	ORL R12, R10             \
	ANDL $0x3f3f3f3f, AX     \
	ANDL $0x3f3f3f3f, BX     \
	SHLQ $32, DX             \
	SHLQ $32, R10            \
	ORQ AX, DX               \
	ORQ BX, R10              \
	VMOVQ DX, X4             \
	VMOVQ R10, X5            \
	VPMOVZXBD X4, Y4         \
	VPMOVZXBD X5, Y5         \
	VCVTDQ2PS Y4, Y4         \
	VCVTDQ2PS Y5, Y5         \
	VMULPS Y2, Y4, Y4        \
	VMULPS Y3, Y5, Y5        \
	VBROADCASTSS signs<>(SB), Y3 \
	VXORPS Y3, Y5, Y5        \
	VMOVUPS Y4, (R8)         \
	VMOVUPS Y5, (R9)

#define PAIRK(p) \
	VMOVDQU (16+32*p)(SI), Y0 \
	VPSRLW $4, Y0, Y1         \
	VPAND Y15, Y0, Y0         \
	VPAND Y15, Y1, Y1         \
	VMOVDQU Y0, (64*p)(DI)    \
	VMOVDQU Y1, (64*p+32)(DI)

// func unpackQ4_KAVX2(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ4_KAVX2(SB), NOSPLIT, $0-40
	ARGS
	VPBROADCASTQ nibbles<>(SB), Y15
loop:
	SCALESK
	PAIRK(0)
	PAIRK(1)
	PAIRK(2)
	PAIRK(3)
	ADDQ $144, SI
	ADDQ $256, DI
	ADDQ $32, R8
	ADDQ $32, R9
	DECQ CX
	JNZ loop
	VZEROUPPER
	RET

// Two groups of Q5_K. Y13 holds the 32 bytes of high bits, the group's own in bit 0, Y11 byte ones.
#define PAIRK5(p) \
	VMOVDQU (48+32*p)(SI), Y0 \
	VPSRLW $4, Y0, Y1         \
	VPAND Y15, Y0, Y0         \
	VPAND Y15, Y1, Y1         \
	VPSLLW $4, Y13, Y2        \
	VPSLLW $3, Y13, Y3        \
	VPAND Y14, Y2, Y2         \
	VPAND Y14, Y3, Y3         \
	VPOR Y2, Y0, Y0           \
	VPOR Y3, Y1, Y1           \
	VPSRLW $2, Y13, Y13       \
	VMOVDQU Y0, (64*p)(DI)    \
	VMOVDQU Y1, (64*p+32)(DI)

// func unpackQ5_KAVX2(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ5_KAVX2(SB), NOSPLIT, $0-40
	ARGS
	VPBROADCASTQ nibbles<>(SB), Y15
	VPBROADCASTQ sixteens<>(SB), Y14
loop:
	SCALESK
	VMOVDQU 16(SI), Y13
	PAIRK5(0)
	PAIRK5(1)
	PAIRK5(2)
	PAIRK5(3)
	ADDQ $176, SI
	ADDQ $256, DI
	ADDQ $32, R8
	ADDQ $32, R9
	DECQ CX
	JNZ loop
	VZEROUPPER
	RET

// 128 elements of Q6_K: nibbles at l, bit pairs at h, result at o. Y14 is the mask of bits 4 and 5.
#define HALFQ6(l, h, o) \
	VMOVDQU l(SI), Y0      \
	VMOVDQU (l+32)(SI), Y1 \
	VMOVDQU h(SI), Y2      \
	VPSLLW $4, Y2, Y3      \
	VPSLLW $2, Y2, Y4      \
	VPSRLW $2, Y2, Y5      \
	VPAND Y14, Y3, Y3      \
	VPAND Y14, Y4, Y4      \
	VPAND Y14, Y2, Y2      \
	VPAND Y14, Y5, Y5      \
	VPSRLW $4, Y0, Y6      \
	VPSRLW $4, Y1, Y7      \
	VPAND Y15, Y0, Y0      \
	VPAND Y15, Y1, Y1      \
	VPAND Y15, Y6, Y6      \
	VPAND Y15, Y7, Y7      \
	VPOR Y3, Y0, Y0        \
	VPOR Y4, Y1, Y1        \
	VPOR Y2, Y6, Y6        \
	VPOR Y5, Y7, Y7        \
	VMOVDQU Y0, o(DI)      \
	VMOVDQU Y1, (o+32)(DI) \
	VMOVDQU Y6, (o+64)(DI) \
	VMOVDQU Y7, (o+96)(DI)

// func unpackQ6_KAVX2(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ6_KAVX2(SB), NOSPLIT, $0-40
	ARGS
	VPBROADCASTQ nibbles<>(SB), Y15
	VPBROADCASTQ bits4and5<>(SB), Y14
loop:
	HALFQ6(0, 128, 0)
	HALFQ6(64, 160, 128)
	VPBROADCASTW 208(SI), X2
	VCVTPH2PS X2, Y2
	VPMOVSXBD 192(SI), Y0
	VPMOVSXBD 200(SI), Y1
	VCVTDQ2PS Y0, Y0
	VCVTDQ2PS Y1, Y1
	VMULPS Y2, Y0, Y0
	VMULPS Y2, Y1, Y1
	VMOVUPS Y0, (R8)
	VMOVUPS Y1, 32(R8)
	ADDQ $210, SI
	ADDQ $256, DI
	ADDQ $64, R8
	DECQ CX
	JNZ loop
	VZEROUPPER
	RET

// Four columns of the result from column o: rows 0 to 3 in the low halves of the registers, 4 to 7 in the high ones.
#define QUAD(o) \
	VMOVUPS o(SI), X0                      \
	VMOVUPS o(SI)(R8*1), X1                \
	VMOVUPS o(SI)(R8*2), X2                \
	VMOVUPS o(SI)(R9*1), X3                \
	VINSERTF128 $1, o(DX), Y0, Y0          \
	VINSERTF128 $1, o(DX)(R8*1), Y1, Y1    \
	VINSERTF128 $1, o(DX)(R8*2), Y2, Y2    \
	VINSERTF128 $1, o(DX)(R9*1), Y3, Y3    \
	VUNPCKLPS Y1, Y0, Y4                   \
	VUNPCKHPS Y1, Y0, Y5                   \
	VUNPCKLPS Y3, Y2, Y6                   \
	VUNPCKHPS Y3, Y2, Y7                   \
	VUNPCKLPD Y6, Y4, Y0                   \
	VUNPCKHPD Y6, Y4, Y1                   \
	VUNPCKLPD Y7, Y5, Y2                   \
	VUNPCKHPD Y7, Y5, Y3                   \
	VMOVUPS Y0, (DI)                       \
	VMOVUPS Y1, (DI)(R10*1)                \
	VMOVUPS Y2, (DI)(R10*2)                \
	VMOVUPS Y3, (DI)(R11*1)                \
	LEAQ (DI)(R10*4), DI

// func interleaveAVX2(dst *uint32, pitch int, src *uint32, stride, n int)
TEXT ·interleaveAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ pitch+8(FP), R10
	MOVQ src+16(FP), SI
	MOVQ stride+24(FP), R8
	MOVQ n+32(FP), CX
	SHLQ $2, R8
	SHLQ $2, R10
	LEAQ (R8)(R8*2), R9
	LEAQ (R10)(R10*2), R11
	LEAQ (SI)(R8*4), DX
	SHRQ $3, CX
loop:
	QUAD(0)
	QUAD(16)
	ADDQ $32, SI
	ADDQ $32, DX
	DECQ CX
	JNZ loop
	VZEROUPPER
	RET
