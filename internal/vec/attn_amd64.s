#include "textflag.h"

// Constants of expGo, those used as operands eight times over.
DATA softK<>+0(SB)/8, $0x3ab743ce3ab743ce // expC1
DATA softK<>+8(SB)/8, $0x3ab743ce3ab743ce
DATA softK<>+16(SB)/8, $0x3ab743ce3ab743ce
DATA softK<>+24(SB)/8, $0x3ab743ce3ab743ce
DATA softK<>+32(SB)/8, $0x3c0889083c088908 // expC2
DATA softK<>+40(SB)/8, $0x3c0889083c088908
DATA softK<>+48(SB)/8, $0x3c0889083c088908
DATA softK<>+56(SB)/8, $0x3c0889083c088908
DATA softK<>+64(SB)/8, $0x3d2aa9c13d2aa9c1 // expC3
DATA softK<>+72(SB)/8, $0x3d2aa9c13d2aa9c1
DATA softK<>+80(SB)/8, $0x3d2aa9c13d2aa9c1
DATA softK<>+88(SB)/8, $0x3d2aa9c13d2aa9c1
DATA softK<>+96(SB)/8, $0x3e2aaaaa3e2aaaaa // expC4
DATA softK<>+104(SB)/8, $0x3e2aaaaa3e2aaaaa
DATA softK<>+112(SB)/8, $0x3e2aaaaa3e2aaaaa
DATA softK<>+120(SB)/8, $0x3e2aaaaa3e2aaaaa
DATA softK<>+128(SB)/8, $0x3f0000003f000000 // expC5
DATA softK<>+136(SB)/8, $0x3f0000003f000000
DATA softK<>+144(SB)/8, $0x3f0000003f000000
DATA softK<>+152(SB)/8, $0x3f0000003f000000
DATA softK<>+160(SB)/8, $0x0000007f0000007f // 127
DATA softK<>+168(SB)/8, $0x0000007f0000007f
DATA softK<>+176(SB)/8, $0x0000007f0000007f
DATA softK<>+184(SB)/8, $0x0000007f0000007f
DATA softK<>+192(SB)/4, $0x3fb8aa3b // log2e
DATA softK<>+196(SB)/4, $0x4b400000 // magic
DATA softK<>+200(SB)/4, $0xbf318000 // −ln2Hi
DATA softK<>+204(SB)/4, $0x395e8083 // −ln2Lo
DATA softK<>+208(SB)/4, $0x39506967 // expC0
DATA softK<>+212(SB)/4, $0x3f800000 // 1
DATA softK<>+216(SB)/4, $0xc2aeac4f // expLo
DATA softK<>+220(SB)/4, $0xff800000 // −∞
GLOBL softK<>(SB), RODATA|NOPTR, $224

// EXP8: Y4 = e^Y0 for Y0 ≤ 0 or NaN. Clobbers Y1–Y3 and Y5; Y9–Y15 are constants.
#define EXP8 \
	VMOVAPS Y0, Y1                        \
	VFMADD213PS Y14, Y15, Y1              \ // t = x·log2e + magic
	VSUBPS Y14, Y1, Y2                    \ // n
	VMOVAPS Y2, Y3                        \
	VFMADD213PS Y0, Y13, Y3               \ // r = n·−ln2Hi + x
	VFMADD231PS Y12, Y2, Y3               \ // r += n·−ln2Lo
	VMOVAPS Y11, Y4                       \
	VFMADD213PS softK<>+0(SB), Y3, Y4     \
	VFMADD213PS softK<>+32(SB), Y3, Y4    \
	VFMADD213PS softK<>+64(SB), Y3, Y4    \
	VFMADD213PS softK<>+96(SB), Y3, Y4    \
	VFMADD213PS softK<>+128(SB), Y3, Y4   \
	VMULPS Y3, Y3, Y5                     \
	VFMADD213PS Y3, Y5, Y4                \ // p·r² + r
	VADDPS Y10, Y4, Y4                    \
	VPADDD softK<>+160(SB), Y1, Y1        \
	VPSLLD $23, Y1, Y1                    \
	VMULPS Y1, Y4, Y4                     \
	VCMPPS $1, Y9, Y0, Y5                 \ // x < expLo
	VANDNPS Y4, Y5, Y4

// func softTileAVX2(s, max, sum, f *float32, rows int)
// Y8: the shift. Y6, Y7: lanes 0–7 and 8–15 of the sum.
TEXT ·softTileAVX2(SB), NOSPLIT, $0-40
	MOVQ s+0(FP), DI
	MOVQ max+8(FP), SI
	MOVQ sum+16(FP), DX
	MOVQ f+24(FP), R8
	MOVQ rows+32(FP), R12
	VBROADCASTSS softK<>+192(SB), Y15
	VBROADCASTSS softK<>+196(SB), Y14
	VBROADCASTSS softK<>+200(SB), Y13
	VBROADCASTSS softK<>+204(SB), Y12
	VBROADCASTSS softK<>+208(SB), Y11
	VBROADCASTSS softK<>+212(SB), Y10
	VBROADCASTSS softK<>+216(SB), Y9
row:
	// VMAXPS returns its second source, here the maximum so far, when one is NaN.
	VBROADCASTSS softK<>+220(SB), Y0
	VMOVAPS Y0, Y1
	VMOVUPS (DI), Y2
	VMOVUPS 32(DI), Y3
	VMAXPS Y0, Y2, Y0
	VMAXPS Y1, Y3, Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	VMAXPS Y0, Y2, Y0
	VMAXPS Y1, Y3, Y1
	VMOVUPS 128(DI), Y2
	VMOVUPS 160(DI), Y3
	VMAXPS Y0, Y2, Y0
	VMAXPS Y1, Y3, Y1
	VMOVUPS 192(DI), Y2
	VMOVUPS 224(DI), Y3
	VMAXPS Y0, Y2, Y0
	VMAXPS Y1, Y3, Y1
	VMAXPS Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS X1, X0, X0
	VMOVHLPS X0, X0, X1
	VMAXPS X1, X0, X0
	VMOVSHDUP X0, X1
	VMAXSS X1, X0, X0
	VXORPS X2, X2, X2
	VADDSS X2, X0, X0         // −0 becomes +0
	VMOVSS (SI), X1           // old
	VMAXSS X1, X0, X3         // the larger; old when it is NaN or equal
	VMOVSS X3, (SI)
	VMOVSS softK<>+220(SB), X4
	VCMPSS $0, X4, X3, X4     // −∞?
	VANDNPS X3, X4, X3        // 0 then
	VBROADCASTSS X3, Y8
	VSUBSS X3, X1, X0         // old − shift
	EXP8
	VMOVSS X4, (R8)
	VMULSS (DX), X4, X6
	VMOVSS X6, (DX)
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	MOVQ $4, CX
pair:
	VMOVUPS (DI), Y0
	VSUBPS Y8, Y0, Y0
	EXP8
	VMOVUPS Y4, (DI)
	VADDPS Y4, Y6, Y6
	VMOVUPS 32(DI), Y0
	VSUBPS Y8, Y0, Y0
	EXP8
	VMOVUPS Y4, 32(DI)
	VADDPS Y4, Y7, Y7
	ADDQ $64, DI
	DECQ CX
	JNZ  pair
	VADDPS Y7, Y6, Y6
	VEXTRACTF128 $1, Y6, X0
	VADDPS X0, X6, X6
	VMOVHLPS X6, X6, X0
	VADDPS X0, X6, X6
	VMOVSHDUP X6, X0
	VADDSS X0, X6, X6
	VMOVSS (DX), X0
	VADDSS X6, X0, X0
	VMOVSS X0, (DX)
	ADDQ $4, SI
	ADDQ $4, DX
	ADDQ $4, R8
	DECQ R12
	JNZ  row
	VZEROUPPER
	RET

// func scaleAVX2(y *float32, n int, a float32)
TEXT ·scaleAVX2(SB), NOSPLIT, $0-20
	MOVQ y+0(FP), DI
	MOVQ n+8(FP), CX
	VBROADCASTSS a+16(FP), Y0
loop:
	VMULPS (DI), Y0, Y1
	VMOVUPS Y1, (DI)
	ADDQ $32, DI
	SUBQ $8, CX
	JG   loop
	VZEROUPPER
	RET
