#include "textflag.h"

// Passes over a vocabulary's logits. See the declarations in strips_amd64.go.

DATA sumK<>+0(SB)/4, $0xc2ac0000  // sumLo
DATA sumK<>+4(SB)/4, $0x3fb8aa3b  // log2e
DATA sumK<>+8(SB)/4, $0x4b400000  // magic
DATA sumK<>+12(SB)/4, $0xbf317218 // −ln2
DATA sumK<>+16(SB)/4, $0x3c08313d // sumC3
DATA sumK<>+20(SB)/4, $0x3d2b9503 // sumC2
DATA sumK<>+24(SB)/4, $0x3e2aabd7 // sumC1
DATA sumK<>+28(SB)/4, $0x3efffefe // sumC0
DATA sumK<>+32(SB)/4, $0x3f800000 // 1
DATA sumK<>+36(SB)/4, $0xff800000 // −∞
DATA sumK<>+40(SB)/4, $0xff7fffff // the lowest number
DATA sumK<>+44(SB)/4, $0
DATA sumK<>+48(SB)/8, $0x8000000000000000
GLOBL sumK<>(SB), RODATA|NOPTR, $56

// HIGH8 leaves the largest of a strip's lanes in 4 lanes of x, the low half of y. VMAXPS returns its second source, here the maximum
// so far, when one is NaN.
#define HIGH8(p, y, x, z, zx) \
	VMOVUPS 0(p), y         \
	VMOVUPS 32(p), z        \
	VMAXPS Y15, y, y        \
	VMAXPS Y15, z, z        \
	VMOVUPS 64(p), Y13      \
	VMOVUPS 96(p), Y14      \
	VMAXPS y, Y13, y        \
	VMAXPS z, Y14, z        \
	VMOVUPS 128(p), Y13     \
	VMOVUPS 160(p), Y14     \
	VMAXPS y, Y13, y        \
	VMAXPS z, Y14, z        \
	VMOVUPS 192(p), Y13     \
	VMOVUPS 224(p), Y14     \
	VMAXPS y, Y13, y        \
	VMAXPS z, Y14, z        \
	VMAXPS z, y, y          \
	VEXTRACTF128 $1, y, zx  \
	VMAXPS zx, x, x

// func stripMaxAVX2(high, x *float32, n int)
TEXT ·stripMaxAVX2(SB), NOSPLIT, $0-24
	MOVQ high+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS sumK<>+36(SB), Y15
	VXORPS X12, X12, X12
four:
	CMPQ CX, $4
	JLT  ones
	HIGH8(SI, Y0, X0, Y8, X8)
	ADDQ $256, SI
	HIGH8(SI, Y1, X1, Y9, X9)
	ADDQ $256, SI
	HIGH8(SI, Y2, X2, Y10, X10)
	ADDQ $256, SI
	HIGH8(SI, Y3, X3, Y11, X11)
	ADDQ $256, SI
	VUNPCKLPS X1, X0, X4 // a0 b0 a1 b1
	VUNPCKHPS X1, X0, X5 // a2 b2 a3 b3
	VUNPCKLPS X3, X2, X6
	VUNPCKHPS X3, X2, X7
	VMAXPS X5, X4, X4
	VMAXPS X7, X6, X6
	VMOVLHPS X6, X4, X0
	VMOVHLPS X4, X6, X1
	VMAXPS X1, X0, X0
	VADDPS X12, X0, X0 // −0 becomes 0
	VMOVUPS X0, (DI)
	ADDQ $16, DI
	SUBQ $4, CX
	JMP  four
ones:
	TESTQ CX, CX
	JE   done
	HIGH8(SI, Y0, X0, Y8, X8)
	VMOVHLPS X0, X0, X1
	VMAXPS X1, X0, X0
	VMOVSHDUP X0, X1
	VMAXPS X1, X0, X0
	VADDPS X12, X0, X0
	VMOVSS X0, (DI)
	ADDQ $256, SI
	ADDQ $4, DI
	DECQ CX
	JMP  ones
done:
	VZEROUPPER
	RET

// SUMEXP8 sets d to e^(d−shift); t is scratch. Y6 shift, Y7–Y15 the constants in their order.
#define SUMEXP8(d, t, n, p) \
	VSUBPS Y6, d, d         \
	VMAXPS Y7, d, d         \ // sumLo where d is NaN
	VMOVAPS Y9, t           \
	VFMADD231PS Y8, d, t    \ // t = d·log2e + magic
	VSUBPS Y9, t, n         \
	VFMADD231PS Y10, n, d   \ // r = n·−ln2 + d
	VMOVAPS Y12, p          \
	VFMADD231PS Y11, d, p   \
	VFMADD213PS Y13, d, p   \
	VFMADD213PS Y14, d, p   \
	VFMADD213PS Y15, d, p   \
	VFMADD213PS Y15, d, p   \
	VPSLLD $23, t, t        \
	VPADDD t, p, d

// func sumExpAVX2(sum *Lanes, x *float32, n int, shift float32)
// Each half of a strip's lanes takes four vectors, (a + b) + (c + d).
TEXT ·sumExpAVX2(SB), NOSPLIT, $0-28
	MOVQ sum+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS shift+24(FP), Y6
	VBROADCASTSS sumK<>+0(SB), Y7
	VBROADCASTSS sumK<>+4(SB), Y8
	VBROADCASTSS sumK<>+8(SB), Y9
	VBROADCASTSS sumK<>+12(SB), Y10
	VBROADCASTSS sumK<>+16(SB), Y11
	VBROADCASTSS sumK<>+20(SB), Y12
	VBROADCASTSS sumK<>+24(SB), Y13
	VBROADCASTSS sumK<>+28(SB), Y14
	VBROADCASTSS sumK<>+32(SB), Y15
strip:
	MOVL $2, BX
	MOVQ DI, DX
half:
	VMOVUPS (SI), Y0
	SUMEXP8(Y0, Y1, Y2, Y3)
	VMOVUPS 64(SI), Y1
	SUMEXP8(Y1, Y2, Y3, Y4)
	VADDPS Y1, Y0, Y0
	VMOVUPS 128(SI), Y1
	SUMEXP8(Y1, Y2, Y3, Y4)
	VMOVUPS 192(SI), Y2
	SUMEXP8(Y2, Y3, Y4, Y5)
	VADDPS Y2, Y1, Y1
	VADDPS Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VCVTPS2PD X0, Y0
	VCVTPS2PD X1, Y1
	VADDPD (DX), Y0, Y0
	VADDPD 32(DX), Y1, Y1
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	ADDQ $32, SI
	ADDQ $64, DX
	DECL BX
	JNZ  half
	ADDQ $192, SI
	DECQ CX
	JNZ  strip
	VZEROUPPER
	RET

// The vectors of a strip: op(x, t, n, p).
#define STRIP(op) \
	op(Z0, Z4, Z8, Z12)  \
	op(Z1, Z5, Z9, Z13)  \
	op(Z2, Z6, Z10, Z14) \
	op(Z3, Z7, Z11, Z15)
#define SSHIFT(x, t, n, p) VSUBPS Z16, x, x
#define SLOW(x, t, n, p) VMAXPS Z17, x, x
#define ST(x, t, n, p) \
	VMOVAPS Z19, t     \
	VFMADD231PS Z18, x, t
#define SN(x, t, n, p) VSUBPS Z19, t, n
#define SR(x, t, n, p) VFMADD231PS Z20, n, x
#define SC2(x, t, n, p) \
	VMOVAPS Z22, p      \
	VFMADD231PS Z21, x, p
#define SC1(x, t, n, p) VFMADD213PS Z23, x, p
#define SC0(x, t, n, p) VFMADD213PS Z24, x, p
#define SONE(x, t, n, p) VFMADD213PS Z25, x, p
#define SHL(x, t, n, p) VPSLLD $23, t, t
#define SPOW(x, t, n, p) VPADDD t, p, x

// func sumExpAVX512(sum *Lanes, x *float32, n int, shift float32)
TEXT ·sumExpAVX512(SB), NOSPLIT, $0-28
	MOVQ sum+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS shift+24(FP), Z16
	VBROADCASTSS sumK<>+0(SB), Z17
	VBROADCASTSS sumK<>+4(SB), Z18
	VBROADCASTSS sumK<>+8(SB), Z19
	VBROADCASTSS sumK<>+12(SB), Z20
	VBROADCASTSS sumK<>+16(SB), Z21
	VBROADCASTSS sumK<>+20(SB), Z22
	VBROADCASTSS sumK<>+24(SB), Z23
	VBROADCASTSS sumK<>+28(SB), Z24
	VBROADCASTSS sumK<>+32(SB), Z25
	VMOVUPD (DI), Z26
	VMOVUPD 64(DI), Z27
strip:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VMOVUPS 128(SI), Z2
	VMOVUPS 192(SI), Z3
	STRIP(SSHIFT)
	STRIP(SLOW)
	STRIP(ST)
	STRIP(SN)
	STRIP(SR)
	STRIP(SC2)
	STRIP(SC1)
	STRIP(SC0)
	STRIP(SONE)
	STRIP(SONE)
	STRIP(SHL)
	STRIP(SPOW)
	VADDPS Z1, Z0, Z0
	VADDPS Z3, Z2, Z2
	VADDPS Z2, Z0, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VCVTPS2PD Y0, Z0
	VCVTPS2PD Y1, Z1
	VADDPD Z0, Z26, Z26
	VADDPD Z1, Z27, Z27
	ADDQ $256, SI
	DECQ CX
	JNZ  strip
	VMOVUPD Z26, (DI)
	VMOVUPD Z27, 64(DI)
	VZEROUPPER
	RET

// func sumFromAVX2(sum *Lanes, key, p *float32, n int, least float32) int
TEXT ·sumFromAVX2(SB), NOSPLIT, $0-48
	MOVQ sum+0(FP), DI
	MOVQ key+8(FP), SI
	MOVQ p+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSS least+32(FP), Y15
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	VPXOR Y4, Y4, Y4 // −count
	XORQ AX, AX
loop:
	VMOVUPS (SI)(AX*4), Y5
	VMOVUPS 32(SI)(AX*4), Y6
	VCMPPS $13, Y15, Y5, Y5 // key ≥ least
	VCMPPS $13, Y15, Y6, Y6
	VPADDD Y5, Y4, Y4
	VPADDD Y6, Y4, Y4
	VANDPS (DX)(AX*4), Y5, Y5
	VANDPS 32(DX)(AX*4), Y6, Y6
	VEXTRACTF128 $1, Y5, X7
	VEXTRACTF128 $1, Y6, X8
	VCVTPS2PD X5, Y5
	VCVTPS2PD X7, Y7
	VCVTPS2PD X6, Y6
	VCVTPS2PD X8, Y8
	VADDPD Y5, Y0, Y0
	VADDPD Y7, Y1, Y1
	VADDPD Y6, Y2, Y2
	VADDPD Y8, Y3, Y3
	ADDQ $16, AX
	CMPQ AX, CX
	JLT  loop
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	VEXTRACTI128 $1, Y4, X5
	VPADDD X5, X4, X4
	VPSHUFD $0x4e, X4, X5
	VPADDD X5, X4, X4
	VPSHUFD $0xb1, X4, X5
	VPADDD X5, X4, X4
	VMOVD X4, AX
	NEGL AX
	MOVQ AX, ret+40(FP)
	VZEROUPPER
	RET

// func sumProdAVX2(sum *Lanes, p, x *float32, n int, shift float32)
TEXT ·sumProdAVX2(SB), NOSPLIT, $0-36
	MOVQ sum+0(FP), DI
	MOVQ p+8(FP), SI
	MOVQ x+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSS shift+32(FP), Y15
	VBROADCASTSS sumK<>+40(SB), Y14
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	XORQ AX, AX
loop:
	VMOVUPS (DX)(AX*4), Y4
	VMOVUPS 32(DX)(AX*4), Y5
	VSUBPS Y15, Y4, Y4
	VSUBPS Y15, Y5, Y5
	VMAXPS Y14, Y4, Y4 // the lowest number where that is NaN
	VMAXPS Y14, Y5, Y5
	VEXTRACTF128 $1, Y4, X6
	VEXTRACTF128 $1, Y5, X7
	VCVTPS2PD X4, Y4
	VCVTPS2PD X6, Y6
	VCVTPS2PD X5, Y5
	VCVTPS2PD X7, Y7
	VCVTPS2PD (SI)(AX*4), Y8
	VCVTPS2PD 16(SI)(AX*4), Y9
	VCVTPS2PD 32(SI)(AX*4), Y10
	VCVTPS2PD 48(SI)(AX*4), Y11
	VFMADD231PD Y8, Y4, Y0
	VFMADD231PD Y9, Y6, Y1
	VFMADD231PD Y10, Y5, Y2
	VFMADD231PD Y11, Y7, Y3
	ADDQ $16, AX
	CMPQ AX, CX
	JLT  loop
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	VZEROUPPER
	RET

// func nearAVX2(y, x *float32, n int, at float64)
TEXT ·nearAVX2(SB), NOSPLIT, $0-32
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSD at+24(FP), Y0
	VBROADCASTSD sumK<>+48(SB), Y1
	XORQ AX, AX
loop:
	VCVTPS2PD (SI)(AX*4), Y2
	VCVTPS2PD 16(SI)(AX*4), Y3
	VSUBPD Y2, Y0, Y2
	VSUBPD Y3, Y0, Y3
	VORPD Y1, Y2, Y2
	VORPD Y1, Y3, Y3
	VCVTPD2PSY Y2, X2
	VCVTPD2PSY Y3, X3
	VMOVUPS X2, (DI)(AX*4)
	VMOVUPS X3, 16(DI)(AX*4)
	ADDQ $8, AX
	CMPQ AX, CX
	JLT  loop
	VZEROUPPER
	RET

// func sumFromAVX512(sum *Lanes, key, p *float32, n int, least float32) int
TEXT ·sumFromAVX512(SB), NOSPLIT, $0-48
	MOVQ sum+0(FP), DI
	MOVQ key+8(FP), SI
	MOVQ p+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSS least+32(FP), Z15
	VMOVUPD (DI), Z0
	VMOVUPD 64(DI), Z1
	XORQ AX, AX
	XORQ BX, BX
loop:
	VMOVUPS (SI)(AX*4), Z2
	VCMPPS $13, Z15, Z2, K1 // key ≥ least
	KSHIFTRW $8, K1, K2
	VCVTPS2PD.Z (DX)(AX*4), K1, Z3
	VCVTPS2PD.Z 32(DX)(AX*4), K2, Z4
	KMOVW K1, R8
	POPCNTL R8, R8
	ADDQ R8, BX
	VADDPD Z3, Z0, Z0
	VADDPD Z4, Z1, Z1
	ADDQ $16, AX
	CMPQ AX, CX
	JLT  loop
	VMOVUPD Z0, (DI)
	VMOVUPD Z1, 64(DI)
	MOVQ BX, ret+40(FP)
	VZEROUPPER
	RET

// func pickAVX2(ids *int32, xs *float32, id *int32, x, key *float32, n int, lo, hi float32, packs *[256][8]int32) int
// A store may pass the end of what is chosen, but never of what was read.
TEXT ·pickAVX2(SB), NOSPLIT, $0-72
	MOVQ ids+0(FP), DI
	MOVQ xs+8(FP), R8
	MOVQ id+16(FP), SI
	MOVQ x+24(FP), R9
	MOVQ key+32(FP), R10
	MOVQ n+40(FP), CX
	VBROADCASTSS lo+48(FP), Y0
	VBROADCASTSS hi+52(FP), Y1
	MOVQ packs+56(FP), R11
	XORQ AX, AX
	XORQ BX, BX
loop:
	VMOVUPS (R10)(AX*4), Y2
	VMOVDQU (SI)(AX*4), Y3
	VMOVUPS (R9)(AX*4), Y4
	VCMPPS $13, Y0, Y2, Y5 // key ≥ lo
	VCMPPS $1, Y1, Y2, Y6  // key < hi
	VANDPS Y6, Y5, Y5
	VMOVMSKPS Y5, DX
	POPCNTL DX, R12
	SHLQ $5, DX
	VMOVDQU (R11)(DX*1), Y7
	VPERMD Y3, Y7, Y3
	VPERMPS Y4, Y7, Y4
	VMOVDQU Y3, (DI)(BX*4)
	VMOVUPS Y4, (R8)(BX*4)
	ADDQ R12, BX
	ADDQ $8, AX
	CMPQ AX, CX
	JLT  loop
	MOVQ BX, ret+64(FP)
	VZEROUPPER
	RET

// func pickAVX512(ids *int32, xs *float32, id *int32, x, key *float32, n int, lo, hi float32) int
// Compressing into a register and storing all of it is several times as fast as compressing into memory.
TEXT ·pickAVX512(SB), NOSPLIT, $0-64
	MOVQ ids+0(FP), DI
	MOVQ xs+8(FP), R8
	MOVQ id+16(FP), SI
	MOVQ x+24(FP), R9
	MOVQ key+32(FP), R10
	MOVQ n+40(FP), CX
	VBROADCASTSS lo+48(FP), Z0
	VBROADCASTSS hi+52(FP), Z1
	XORQ AX, AX
	XORQ BX, BX
loop:
	VMOVUPS (R10)(AX*4), Z2
	VMOVDQU32 (SI)(AX*4), Z3
	VMOVUPS (R9)(AX*4), Z4
	VCMPPS $13, Z0, Z2, K1     // key ≥ lo
	VCMPPS $1, Z1, Z2, K1, K1  // and key < hi
	VPCOMPRESSD.Z Z3, K1, Z3
	VCOMPRESSPS.Z Z4, K1, Z4
	KMOVW K1, DX
	POPCNTL DX, DX
	VMOVDQU32 Z3, (DI)(BX*4)
	VMOVUPS Z4, (R8)(BX*4)
	ADDQ DX, BX
	ADDQ $16, AX
	CMPQ AX, CX
	JLT  loop
	MOVQ BX, ret+56(FP)
	VZEROUPPER
	RET
