#include "textflag.h"

// Four groups at once: Z0–Z7, two registers each, so that what is one number per group is a lane of an X register.

DATA wide<>+0(SB)/4, $0x7fffffff  // magnitudes
DATA wide<>+4(SB)/4, $0x80808080  // signs of bytes
DATA wide<>+8(SB)/4, $0x0d800000  // 2^-100
DATA wide<>+12(SB)/4, $0x7f800000 // infinity
DATA wide<>+16(SB)/4, $0x42fe0000 // 127
DATA wide<>+20(SB)/4, $4096       // 32 · 128
DATA wide<>+24(SB)/4, $0x7fc00000 // NaN
GLOBL wide<>(SB), RODATA|NOPTR, $28
// After packing, the dwords of four registers stand in this order.
DATA quarters<>+0(SB)/8, $0x0000000400000000
DATA quarters<>+8(SB)/8, $0x0000000c00000008
DATA quarters<>+16(SB)/8, $0x0000000500000001
DATA quarters<>+24(SB)/8, $0x0000000d00000009
DATA quarters<>+32(SB)/8, $0x0000000600000002
DATA quarters<>+40(SB)/8, $0x0000000e0000000a
DATA quarters<>+48(SB)/8, $0x0000000700000003
DATA quarters<>+56(SB)/8, $0x0000000f0000000b
GLOBL quarters<>(SB), RODATA|NOPTR, $64

#define ARGS \
	MOVQ q+0(FP), DI                  \
	MOVQ meta+8(FP), R8               \
	MOVQ x+16(FP), SI                 \
	MOVQ groups+24(FP), CX            \
	VPBROADCASTD wide<>+0(SB), Z16    \
	VPBROADCASTD wide<>+4(SB), Z17    \
	VMOVDQU32 quarters<>(SB), Z18     \
	VPXORD X19, X19, X19              \
	VPBROADCASTD wide<>+8(SB), X20    \
	VPBROADCASTD wide<>+12(SB), X21   \
	VBROADCASTSS wide<>+16(SB), X22   \
	VPBROADCASTD wide<>+20(SB), X23

#define LOAD \
	VMOVUPS (SI), Z0      \
	VMOVUPS 64(SI), Z1    \
	VMOVUPS 128(SI), Z2   \
	VMOVUPS 192(SI), Z3   \
	VMOVUPS 256(SI), Z4   \
	VMOVUPS 320(SI), Z5   \
	VMOVUPS 384(SI), Z6   \
	VMOVUPS 448(SI), Z7

// The largest magnitude of two registers.
#define TOP(a, b, max, t) \
	VPANDD Z16, a, max   \
	VPANDD Z16, b, t     \
	VPMAXUD t, max, max

// Sets X8 to the groups' largest magnitudes, X9 to 127/amax and X10 to the scales. K1: groups that have a scale. K2: those
// with infinity or NaN.
#define SCALES \
	TOP(Z0, Z1, Z8, Z12)   \
	TOP(Z2, Z3, Z9, Z13)   \
	TOP(Z4, Z5, Z10, Z14)  \
	TOP(Z6, Z7, Z11, Z15)  \
	VPUNPCKLDQ Z9, Z8, Z12    \
	VPUNPCKHDQ Z9, Z8, Z13    \
	VPUNPCKLDQ Z11, Z10, Z14  \
	VPUNPCKHDQ Z11, Z10, Z15  \
	VPMAXUD Z13, Z12, Z12     \
	VPMAXUD Z15, Z14, Z14     \
	VPUNPCKLQDQ Z14, Z12, Z8  \
	VPUNPCKHQDQ Z14, Z12, Z9  \
	VPMAXUD Z9, Z8, Z8        \
	VEXTRACTI64X4 $1, Z8, Y9  \
	VPMAXUD Y9, Y8, Y8        \
	VEXTRACTI128 $1, Y8, X9   \
	VPMAXUD X9, X8, X8        \
	VPCMPUD $5, X20, X8, K1   \
	VPCMPUD $5, X21, X8, K2   \
	VPCMPUD $1, X21, X8, K1, K1 \
	VDIVPS.Z X8, X22, K1, X9  \
	VDIVPS.Z X22, X8, K1, X10 \
	KORTESTW K2, K2

// SCALED multiplies a group by number g on the stack, and rounds.
#define SCALED(g, a, b) \
	VMULPS.BCST factors-(16-4*g)(SP), a, a \
	VMULPS.BCST factors-(16-4*g)(SP), b, b \
	VCVTPS2DQ a, a        \
	VCVTPS2DQ b, b

// Sets Z0 and Z2 to the integers, two groups each, and X8 and X9 to the meta.
#define INTEGERS \
	VMOVUPS X9, factors-16(SP) \
	SCALED(0, Z0, Z1)         \
	SCALED(1, Z2, Z3)         \
	SCALED(2, Z4, Z5)         \
	SCALED(3, Z6, Z7)         \
	VPACKSSDW Z1, Z0, Z0      \
	VPACKSSDW Z3, Z2, Z2      \
	VPACKSSDW Z5, Z4, Z4      \
	VPACKSSDW Z7, Z6, Z6      \
	VPACKSSWB Z2, Z0, Z0      \
	VPACKSSWB Z6, Z4, Z2      \
	VPXORD Z17, Z0, Z4        \ // a quadword is of one group, and unsigned now
	VPXORD Z17, Z2, Z5        \
	VPSADBW Z19, Z4, Z4       \
	VPSADBW Z19, Z5, Z5       \
	VPERMD Z0, Z18, Z0        \
	VPERMD Z2, Z18, Z2        \
	VSHUFPS $0x88, Z5, Z4, Z4 \
	VEXTRACTI64X4 $1, Z4, Y5  \
	VPADDD Y5, Y4, Y4         \
	VEXTRACTI128 $1, Y4, X5   \
	VPADDD X5, X4, X4         \
	VPSUBD X4, X23, X4        \
	VPSLLD $7, X4, X4         \
	VPUNPCKLDQ X4, X10, X8    \
	VPUNPCKHDQ X4, X10, X9

// CLEAN zeroes the groups of K2 and makes their scales NaN.
#define CLEAN \
	VBROADCASTSS wide<>+24(SB), K2, X10 \
	KMOVW K2, AX              \
	MOVL AX, BX               \
	ANDL $1, BX               \
	DECL BX                   \
	KMOVW BX, K3              \
	VMOVAPS.Z Z0, K3, Z0      \
	VMOVAPS.Z Z1, K3, Z1      \
	MOVL AX, BX               \
	SHRL $1, BX               \
	ANDL $1, BX               \
	DECL BX                   \
	KMOVW BX, K3              \
	VMOVAPS.Z Z2, K3, Z2      \
	VMOVAPS.Z Z3, K3, Z3      \
	MOVL AX, BX               \
	SHRL $2, BX               \
	ANDL $1, BX               \
	DECL BX                   \
	KMOVW BX, K3              \
	VMOVAPS.Z Z4, K3, Z4      \
	VMOVAPS.Z Z5, K3, Z5      \
	SHRL $3, AX               \
	DECL AX                   \
	KMOVW AX, K3              \
	VMOVAPS.Z Z6, K3, Z6      \
	VMOVAPS.Z Z7, K3, Z7

// NEXT stores, and goes on unless that was all.
#define NEXT \
	VMOVDQU64 Z0, (DI)    \
	VMOVDQU64 Z2, 64(DI)  \
	VMOVDQU X8, (R8)      \
	VMOVDQU X9, 16(R8)    \
	ADDQ $512, SI         \
	ADDQ $128, DI         \
	ADDQ $32, R8          \
	SUBQ $4, CX

// func quantizeAVX512(q *int8, meta *Meta, x *float32, groups int)
TEXT ·quantizeAVX512(SB), NOSPLIT, $16-32
	ARGS
loop:
	LOAD
	SCALES
	JNZ  undefined
defined:
	INTEGERS
	NEXT
	JNZ  loop
	VZEROUPPER
	RET
undefined:
	CLEAN
	JMP  defined

// func weigh2AVX512(q *int8, meta *Meta, x *float32, groups int, f *float32)
TEXT ·weigh2AVX512(SB), NOSPLIT, $16-40
	ARGS
	MOVQ f+32(FP), R10
	VMOVUPS (R10), Z24
	VMOVUPS 64(R10), Z25
	VMOVUPS 128(R10), Z26
	VMOVUPS 192(R10), Z27
loop:
	LOAD
	VMULPS Z24, Z0, Z0
	VMULPS Z25, Z1, Z1
	VMULPS Z26, Z2, Z2
	VMULPS Z27, Z3, Z3
	VMULPS Z24, Z4, Z4
	VMULPS Z25, Z5, Z5
	VMULPS Z26, Z6, Z6
	VMULPS Z27, Z7, Z7
	SCALES
	JNZ  undefined
defined:
	INTEGERS
	NEXT
	JNZ  loop
	VZEROUPPER
	RET
undefined:
	CLEAN
	JMP  defined
