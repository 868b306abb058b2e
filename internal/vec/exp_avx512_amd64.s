#include "textflag.h"

// Constants of expGo.
DATA expWide<>+0(SB)/4, $0x3fb8aa3b  // log2e
DATA expWide<>+4(SB)/4, $0x4b400000  // magic
DATA expWide<>+8(SB)/4, $0xbf318000  // −ln2Hi
DATA expWide<>+12(SB)/4, $0x395e8083 // −ln2Lo
DATA expWide<>+16(SB)/4, $0x39506967 // expC0
DATA expWide<>+20(SB)/4, $0x3ab743ce // expC1
DATA expWide<>+24(SB)/4, $0x3c088908 // expC2
DATA expWide<>+28(SB)/4, $0x3d2aa9c1 // expC3
DATA expWide<>+32(SB)/4, $0x3e2aaaaa // expC4
DATA expWide<>+36(SB)/4, $0x3f000000 // expC5
DATA expWide<>+40(SB)/4, $0x3f800000 // 1
DATA expWide<>+44(SB)/4, $0xc2aeac4f // expLo
DATA expWide<>+48(SB)/4, $0x42b0c0a5 // expHi
DATA expWide<>+52(SB)/4, $0xff800000 // −∞
DATA expWide<>+56(SB)/4, $0x43800000 // 256
GLOBL expWide<>(SB), RODATA|NOPTR, $60

// EXPCONSTANTS fills Z16–Z27.
#define EXPCONSTANTS \
	VBROADCASTSS expWide<>+0(SB), Z16  \
	VBROADCASTSS expWide<>+4(SB), Z17  \
	VBROADCASTSS expWide<>+8(SB), Z18  \
	VBROADCASTSS expWide<>+12(SB), Z19 \
	VBROADCASTSS expWide<>+16(SB), Z20 \
	VBROADCASTSS expWide<>+20(SB), Z21 \
	VBROADCASTSS expWide<>+24(SB), Z22 \
	VBROADCASTSS expWide<>+28(SB), Z23 \
	VBROADCASTSS expWide<>+32(SB), Z24 \
	VBROADCASTSS expWide<>+36(SB), Z25 \
	VBROADCASTSS expWide<>+40(SB), Z26 \
	VBROADCASTSS expWide<>+44(SB), Z27

// EXP sets x to e^x of every vector that each names, op(x, t, n, p, mask), for x ≤ 0 or NaN. Where expGo multiplies by a power
// of two, VSCALEFPS does, with the same result as none is subnormal.
#define EXP(each) \
	each(EXPT)     \
	each(EXPN)     \
	each(EXPMASK)  \
	each(EXPHI)    \
	each(EXPLO)    \
	each(EXPC1)    \
	each(EXPC2)    \
	each(EXPC3)    \
	each(EXPC4)    \
	each(EXPC5)    \
	each(EXPSQ)    \
	each(EXPR)     \
	each(EXPONE)   \
	each(EXPSCALE)

#define EXPT(x, t, n, p, k) \
	VMOVAPS x, t            \
	VFMADD213PS Z17, Z16, t // x·log2e + magic
#define EXPN(x, t, n, p, k) VSUBPS Z17, t, n
#define EXPMASK(x, t, n, p, k) VCMPPS $5, Z27, x, k // not x < expLo
#define EXPHI(x, t, n, p, k) VFMADD231PS Z18, n, x // r = n·−ln2Hi + x
#define EXPLO(x, t, n, p, k) VFMADD231PS Z19, n, x // r += n·−ln2Lo
#define EXPC1(x, t, n, p, k) \
	VMOVAPS Z20, p          \
	VFMADD213PS Z21, x, p
#define EXPC2(x, t, n, p, k) VFMADD213PS Z22, x, p
#define EXPC3(x, t, n, p, k) VFMADD213PS Z23, x, p
#define EXPC4(x, t, n, p, k) VFMADD213PS Z24, x, p
#define EXPC5(x, t, n, p, k) VFMADD213PS Z25, x, p
#define EXPSQ(x, t, n, p, k) VMULPS x, x, t
#define EXPR(x, t, n, p, k) VFMADD213PS x, t, p // p·r² + r
#define EXPONE(x, t, n, p, k) VADDPS Z26, p, p
#define EXPSCALE(x, t, n, p, k) VSCALEFPS.Z n, p, k, x

// The vectors of a row: op(x, t, n, p, mask).
#define ROW(op) \
	op(Z0, Z4, Z8, Z12, K1)  \
	op(Z1, Z5, Z9, Z13, K2)  \
	op(Z2, Z6, Z10, Z14, K3) \
	op(Z3, Z7, Z11, Z15, K4)
#define ONE(op) op(Z0, Z1, Z2, Z3, K1)

// EXPTOP makes what is above expHi 256, whose power of two VSCALEFPS takes for infinite.
#define EXPTOP(x, t, n, p, k) \
	VCMPPS $14, Z28, x, k \
	VMOVAPS Z29, k, x

// func expAVX512(y, x *float32, n int)
TEXT ·expAVX512(SB), NOSPLIT, $0-24
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), R11
	EXPCONSTANTS
	VBROADCASTSS expWide<>+48(SB), Z28
	VBROADCASTSS expWide<>+56(SB), Z29
	CMPQ R11, $64
	JLT  short
loop:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	VMOVUPS 128(SI), Z2
	VMOVUPS 192(SI), Z3
	ROW(EXPTOP)
	EXP(ROW)
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VMOVUPS Z3, 192(DI)
	ADDQ $256, SI
	ADDQ $256, DI
	SUBQ $64, R11
	CMPQ R11, $64
	JGE  loop
short:
	TESTQ R11, R11
	JLE  done
	MOVL $-1, AX
last:
	CMPQ R11, $16
	JGE  whole
	MOVQ R11, CX
	MOVL $1, AX
	SHLL CX, AX
	DECL AX
whole:
	KMOVW AX, K5
	VMOVUPS.Z (SI), K5, Z0
	ONE(EXPTOP)
	EXP(ONE)
	VMOVUPS Z0, K5, (DI)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, R11
	JG   last
done:
	VZEROUPPER
	RET

// REDUCE4 reduces Z28–Z31, four rows of 16 lanes, in tree's order, and leaves each row's result in all lanes of its quarter
// of Z0. Clobbers Z1–Z3.
#define REDUCE4(op) \
	VSHUFF32X4 $0x44, Z29, Z28, Z0 \ // quarters a0 a1 b0 b1
	VSHUFF32X4 $0xee, Z29, Z28, Z1 \ // a2 a3 b2 b3
	VSHUFF32X4 $0x44, Z31, Z30, Z2 \
	VSHUFF32X4 $0xee, Z31, Z30, Z3 \
	op Z1, Z0, Z0                  \ // lanes i and i+8
	op Z3, Z2, Z2                  \
	VSHUFF32X4 $0x88, Z2, Z0, Z1   \ // a0 b0 c0 d0
	VSHUFF32X4 $0xdd, Z2, Z0, Z3   \ // a1 b1 c1 d1
	op Z3, Z1, Z0                  \ // i and i+4
	VPERMILPS $0x4e, Z0, Z1        \
	op Z1, Z0, Z0                  \
	VPERMILPS $0xb1, Z0, Z1        \
	op Z1, Z0, Z0

// NEXT4 takes the next n ≤ 4 of R11 rows into R10. Rows are pushed into Z31, and so fewer than four are the last of Z28–Z31: K5
// is their lanes, and R12 = n − 4 is where the first lane would be.
#define NEXT4 \
	MOVQ $4, R10     \
	CMPQ R11, R10    \
	CMOVQLT R11, R10 \
	SUBQ R10, R11    \
	MOVQ $4, CX      \
	SUBQ R10, CX     \
	MOVL $15, AX     \
	SHLL CX, AX      \
	KMOVW AX, K5     \
	LEAQ -4(R10), R12

#define PUSH \
	VMOVAPS Z29, Z28 \
	VMOVAPS Z30, Z29 \
	VMOVAPS Z31, Z30

// func softTileAVX512(s, max, sum, f *float32, rows int)
// Three passes: maxima and old − shift; e^that of 16 rows at once; exponentials and their sums. K6: a lane of each quarter.
TEXT ·softTileAVX512(SB), NOSPLIT, $0-40
	MOVQ s+0(FP), DI
	MOVQ max+8(FP), SI
	MOVQ f+24(FP), R8
	MOVQ rows+32(FP), R11
	MOVL $0x1111, AX
	KMOVW AX, K6
	VBROADCASTSS expWide<>+52(SB), Z16 // −∞
	VPXORD X17, X17, X17
max4:
	NEXT4
max1:
	// VMAXPS returns its second source, here the maximum so far, when one is NaN.
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Z1
	VMOVUPS 128(DI), Z2
	VMOVUPS 192(DI), Z3
	PUSH
	VMAXPS Z16, Z0, Z0
	VMAXPS Z16, Z1, Z1
	VMAXPS Z0, Z2, Z0
	VMAXPS Z1, Z3, Z1
	VMAXPS Z1, Z0, Z31
	ADDQ $256, DI
	DECQ R10
	JNZ  max1
	REDUCE4(VMAXPS)
	VCOMPRESSPS.Z Z0, K6, Z0
	VMOVUPS.Z (SI)(R12*4), K5, X1 // old
	VADDPS X17, X0, X0            // −0 becomes +0
	VMAXPS X1, X0, X0             // the larger; old when it is NaN or equal
	VMOVUPS X0, K5, (SI)(R12*4)
	VCMPPS $4, X16, X0, K1        // not −∞
	VMOVAPS.Z X0, K1, X0
	VSUBPS X0, X1, X0             // old − shift
	VMOVUPS X0, K5, (R8)(R12*4)
	ADDQ $16, SI
	ADDQ $16, R8
	TESTQ R11, R11
	JNZ  max4

	EXPCONSTANTS
	MOVQ sum+16(FP), DX
	MOVQ f+24(FP), R8
	MOVQ rows+32(FP), R11
	MOVL $-1, AX
factors:
	CMPQ R11, $16
	JGE  whole
	MOVQ R11, CX
	MOVL $1, AX
	SHLL CX, AX
	DECL AX
whole:
	KMOVW AX, K5
	VMOVUPS.Z (R8), K5, Z0
	EXP(ONE)
	VMOVUPS Z0, K5, (R8)
	VMULPS.Z (DX), Z0, K5, Z0
	VMOVUPS Z0, K5, (DX)
	ADDQ $64, R8
	ADDQ $64, DX
	SUBQ $16, R11
	JG   factors

	MOVQ s+0(FP), DI
	MOVQ max+8(FP), SI
	MOVQ sum+16(FP), DX
	MOVQ rows+32(FP), R11
exp4:
	NEXT4
exp1:
	VBROADCASTSS (SI), Z4
	VCMPPS.BCST $4, expWide<>+52(SB), Z4, K1 // not −∞
	VMOVAPS.Z Z4, K1, Z4
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Z1
	VMOVUPS 128(DI), Z2
	VMOVUPS 192(DI), Z3
	VSUBPS Z4, Z0, Z0
	VSUBPS Z4, Z1, Z1
	VSUBPS Z4, Z2, Z2
	VSUBPS Z4, Z3, Z3
	PUSH
	EXP(ROW)
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VMOVUPS Z3, 192(DI)
	VADDPS Z1, Z0, Z31 // none is −0
	VADDPS Z2, Z31, Z31
	VADDPS Z3, Z31, Z31
	ADDQ $4, SI
	ADDQ $256, DI
	DECQ R10
	JNZ  exp1
	REDUCE4(VADDPS)
	VCOMPRESSPS.Z Z0, K6, Z0
	VADDPS (DX)(R12*4), X0, K5, X0
	VMOVUPS X0, K5, (DX)(R12*4)
	ADDQ $16, DX
	TESTQ R11, R11
	JNZ  exp4
	VZEROUPPER
	RET
