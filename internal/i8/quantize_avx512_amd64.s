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

// What comes next is loaded into Z24–Z31 while Z0–Z7 are converted, as a scale is a long chain of instructions.
#define LOAD \
	VMOVUPS (SI), Z24     \
	VMOVUPS 64(SI), Z25   \
	VMOVUPS 128(SI), Z26  \
	VMOVUPS 192(SI), Z27  \
	VMOVUPS 256(SI), Z28  \
	VMOVUPS 320(SI), Z29  \
	VMOVUPS 384(SI), Z30  \
	VMOVUPS 448(SI), Z31

#define WEIGH \
	VMULPS (R10), Z24, Z24    \
	VMULPS 64(R10), Z25, Z25  \
	VMULPS 128(R10), Z26, Z26 \
	VMULPS 192(R10), Z27, Z27 \
	VMULPS (R10), Z28, Z28    \
	VMULPS 64(R10), Z29, Z29  \
	VMULPS 128(R10), Z30, Z30 \
	VMULPS 192(R10), Z31, Z31

// The largest magnitude of two registers.
#define TOP(a, b, max) \
	VPANDD Z16, a, max   \
	VPANDD Z16, b, Z15   \
	VPMAXUD Z15, max, max

// Sets X11 to the next groups' largest magnitudes.
#define TOPS \
	TOP(Z24, Z25, Z11)         \
	TOP(Z26, Z27, Z12)         \
	TOP(Z28, Z29, Z13)         \
	TOP(Z30, Z31, Z14)         \
	VPUNPCKLDQ Z12, Z11, Z15   \
	VPUNPCKHDQ Z12, Z11, Z11   \
	VPMAXUD Z15, Z11, Z11      \
	VPUNPCKLDQ Z14, Z13, Z15   \
	VPUNPCKHDQ Z14, Z13, Z13   \
	VPMAXUD Z15, Z13, Z13      \
	VPUNPCKLQDQ Z13, Z11, Z15  \
	VPUNPCKHQDQ Z13, Z11, Z11  \
	VPMAXUD Z15, Z11, Z11      \
	VEXTRACTI64X4 $1, Z11, Y15 \
	VPMAXUD Y15, Y11, Y11      \
	VEXTRACTI128 $1, Y11, X15  \
	VPMAXUD X15, X11, X11

// TURN makes the next groups the present ones: X9 is 127/amax and X10 the scales. K1: groups that have one. K2: those with
// infinity or NaN.
#define TURN \
	VMOVAPS Z24, Z0            \
	VMOVAPS Z25, Z1            \
	VMOVAPS Z26, Z2            \
	VMOVAPS Z27, Z3            \
	VMOVAPS Z28, Z4            \
	VMOVAPS Z29, Z5            \
	VMOVAPS Z30, Z6            \
	VMOVAPS Z31, Z7            \
	VPCMPUD $5, X20, X11, K1   \
	VPCMPUD $5, X21, X11, K2   \
	VPCMPUD $1, X21, X11, K1, K1 \
	VDIVPS.Z X11, X22, K1, X9  \
	VDIVPS.Z X22, X11, K1, X10 \
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
	ADDQ $128, DI         \
	ADDQ $32, R8          \
	SUBQ $4, CX

// func quantizeAVX512(q *int8, meta *Meta, x *float32, groups int)
TEXT ·quantizeAVX512(SB), NOSPLIT, $16-32
	ARGS
	LOAD
	TOPS
loop:
	TURN
	JNZ  undefined
defined:
	CMPQ CX, $4
	JEQ  convert
	ADDQ $512, SI
	LOAD
	TOPS
convert:
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
	LOAD
	WEIGH
	TOPS
loop:
	TURN
	JNZ  undefined
defined:
	CMPQ CX, $4
	JEQ  convert
	ADDQ $512, SI
	LOAD
	WEIGH
	TOPS
convert:
	INTEGERS
	NEXT
	JNZ  loop
	VZEROUPPER
	RET
undefined:
	CLEAN
	JMP  defined
