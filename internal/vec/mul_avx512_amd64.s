#include "textflag.h"

// Products of blocks of 6, 4, 3, 2 or 1 rows of c by 64, 32 or 16 columns: element (row i, columns 16j) is Z(4i+j), Z24–Z27
// are a row of b, Z28 is a broadcast of a.
//
// DI, SI: the block's rows of c and a. DX: the columns' offset, in bytes of c. R10, R11: its rows 0 and 3. AX, R12: a's rows 0
// and 3. BX: the row of b. R8, R9: rows and columns left. R13, R14, R15: lda, ldb, ldc.

// op(row of c, row of a, results) for every row of a block.
#define ROWS1(op) op((R10), (AX), Z0, Z1, Z2, Z3)
#define ROWS2(op) \
	ROWS1(op) \
	op((R10)(R15*1), (AX)(R13*1), Z4, Z5, Z6, Z7)
#define ROWS3(op) \
	ROWS2(op) \
	op((R10)(R15*2), (AX)(R13*2), Z8, Z9, Z10, Z11)
#define ROWS4(op) \
	ROWS3(op) \
	op((R11), (R12), Z12, Z13, Z14, Z15)
#define ROWS6(op) \
	ROWS4(op) \
	op((R11)(R15*1), (R12)(R13*1), Z16, Z17, Z18, Z19) \
	op((R11)(R15*2), (R12)(R13*2), Z20, Z21, Z22, Z23)

#define LOAD1(c, a, z0, z1, z2, z3) VMOVUPS c, z0
#define LOAD2(c, a, z0, z1, z2, z3) \
	VMOVUPS c, z0 \
	VMOVUPS 64 c, z1
#define LOAD4(c, a, z0, z1, z2, z3) \
	LOAD2(c, a, z0, z1, z2, z3) \
	VMOVUPS 128 c, z2 \
	VMOVUPS 192 c, z3

#define STORE1(c, a, z0, z1, z2, z3) VMOVUPS z0, c
#define STORE2(c, a, z0, z1, z2, z3) \
	VMOVUPS z0, c \
	VMOVUPS z1, 64 c
#define STORE4(c, a, z0, z1, z2, z3) \
	STORE2(c, a, z0, z1, z2, z3) \
	VMOVUPS z2, 128 c \
	VMOVUPS z3, 192 c

#define FMA1(c, a, z0, z1, z2, z3) \
	VBROADCASTSS a, Z28 \
	VFMADD231PS Z24, Z28, z0
#define FMA2(c, a, z0, z1, z2, z3) \
	FMA1(c, a, z0, z1, z2, z3) \
	VFMADD231PS Z25, Z28, z1
#define FMA4(c, a, z0, z1, z2, z3) \
	FMA2(c, a, z0, z1, z2, z3) \
	VFMADD231PS Z26, Z28, z2 \
	VFMADD231PS Z27, Z28, z3

#define GET1 VMOVUPS (BX), Z24
#define GET2 \
	GET1 \
	VMOVUPS 64(BX), Z25
#define GET4 \
	GET2 \
	VMOVUPS 128(BX), Z26 \
	VMOVUPS 192(BX), Z27

// The same of halves, which few rows of c multiply, so that their rate is the memory's: what is 16 KB ahead goes to the second
// cache. 64-byte lines one by one between products arrive while those are computed; a tile's lines at once do not.
#define AHEAD 16384
#define HALVES1 VCVTPH2PS (BX), Z24
#define HALVES2 \
	HALVES1 \
	VCVTPH2PS 32(BX), Z25 \
	PREFETCHT1 AHEAD(BX)
#define HALVES4 \
	HALVES2 \
	VCVTPH2PS 64(BX), Z26 \
	VCVTPH2PS 96(BX), Z27 \
	PREFETCHT1 (AHEAD+64)(BX)

// BX = the columns of b.
#define FLOATS ADDQ DX, BX
#define HALVES \
	MOVQ DX, CX \
	SHRQ $1, CX \
	ADDQ CX, BX

// A block.
#define BLOCK(rows, load, store, begin, get, fma, loop) \
	LEAQ (DI)(DX*1), R10   \
	LEAQ (R15)(R15*2), R11 \
	ADDQ R10, R11          \
	MOVQ SI, AX            \
	LEAQ (R13)(R13*2), R12 \
	ADDQ SI, R12           \
	MOVQ b+16(FP), BX      \
	begin                  \
	MOVQ k+32(FP), CX      \
	rows(load)             \
loop:                      \
	get                    \
	rows(fma)              \
	ADDQ $4, AX            \
	ADDQ $4, R12           \
	ADDQ R14, BX           \
	DECQ CX                \
	JNZ loop               \
	rows(store)

// All columns of n rows, as long as there are as many.
#define STRIP(count, rows, begin, get1, get2, get4, loop4, loop2, loop1, strip, wide, pair, last, next, end) \
strip:                                              \
	CMPQ R8, $count                                     \
	JLT  end                                        \
	MOVQ n+40(FP), R9                                \
	XORQ DX, DX                                     \
wide:                                               \
	CMPQ R9, $64                                    \
	JLT  pair                                       \
	BLOCK(rows, LOAD4, STORE4, begin, get4, FMA4, loop4) \
	ADDQ $256, DX                                   \
	SUBQ $64, R9                                    \
	JMP  wide                                       \
pair:                                               \
	CMPQ R9, $32                                    \
	JLT  last                                       \
	BLOCK(rows, LOAD2, STORE2, begin, get2, FMA2, loop2) \
	ADDQ $128, DX                                   \
	SUBQ $32, R9                                    \
last:                                               \
	TESTQ R9, R9                                    \
	JZ   next                                       \
	BLOCK(rows, LOAD1, STORE1, begin, get1, FMA1, loop1) \
next:                                               \
	IMUL3Q $count, R15, AX                              \
	ADDQ AX, DI                                     \
	IMUL3Q $count, R13, AX                              \
	ADDQ AX, SI                                     \
	SUBQ $count, R8                                     \
	JMP  strip                                      \
end:

// func mulAddAVX512(c, a, b *float32, m, k, n, lda, ldb, ldc int)
TEXT ·mulAddAVX512(SB), NOSPLIT, $0-72
	MOVQ c+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ m+24(FP), R8
	MOVQ lda+48(FP), R13
	MOVQ ldb+56(FP), R14
	MOVQ ldc+64(FP), R15
	STRIP(6, ROWS6, FLOATS, GET1, GET2, GET4, a6, b6, c6, strip6, wide6, pair6, last6, next6, end6)
	STRIP(4, ROWS4, FLOATS, GET1, GET2, GET4, a4, b4, c4, strip4, wide4, pair4, last4, next4, end4)
	STRIP(3, ROWS3, FLOATS, GET1, GET2, GET4, a3, b3, c3, strip3, wide3, pair3, last3, next3, end3)
	STRIP(2, ROWS2, FLOATS, GET1, GET2, GET4, a2, b2, c2, strip2, wide2, pair2, last2, next2, end2)
	STRIP(1, ROWS1, FLOATS, GET1, GET2, GET4, a1, b1, c1, strip1, wide1, pair1, last1, next1, end1)
	VZEROUPPER
	RET

// func mulAddF16AVX512(c, a *float32, b *uint16, m, k, n, lda, ldb, ldc int)
TEXT ·mulAddF16AVX512(SB), NOSPLIT, $0-72
	MOVQ c+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ m+24(FP), R8
	MOVQ lda+48(FP), R13
	MOVQ ldb+56(FP), R14
	MOVQ ldc+64(FP), R15
	STRIP(6, ROWS6, HALVES, HALVES1, HALVES2, HALVES4, a6, b6, c6, strip6, wide6, pair6, last6, next6, end6)
	STRIP(4, ROWS4, HALVES, HALVES1, HALVES2, HALVES4, a4, b4, c4, strip4, wide4, pair4, last4, next4, end4)
	STRIP(3, ROWS3, HALVES, HALVES1, HALVES2, HALVES4, a3, b3, c3, strip3, wide3, pair3, last3, next3, end3)
	STRIP(2, ROWS2, HALVES, HALVES1, HALVES2, HALVES4, a2, b2, c2, strip2, wide2, pair2, last2, next2, end2)
	STRIP(1, ROWS1, HALVES, HALVES1, HALVES2, HALVES4, a1, b1, c1, strip1, wide1, pair1, last1, next1, end1)
	VZEROUPPER
	RET

// func scaleRowsAVX512(y, f *float32, n, rows int)
// K1: the elements of a row's last vector.
TEXT ·scaleRowsAVX512(SB), NOSPLIT, $0-32
	MOVQ y+0(FP), DI
	MOVQ f+8(FP), SI
	MOVQ n+16(FP), DX
	MOVQ rows+24(FP), R8
	LEAQ -1(DX), CX
	ANDL $15, CX
	MOVL $2, AX
	SHLL CX, AX
	DECL AX
	KMOVW AX, K1
row:
	CMPL (SI), $0x3f800000
	JEQ  next
	VBROADCASTSS (SI), Z0
	MOVQ DI, R9
	MOVQ DX, CX
	SUBQ $64, CX
	JLE  short
loop:
	VMULPS (R9), Z0, Z1
	VMULPS 64(R9), Z0, Z2
	VMULPS 128(R9), Z0, Z3
	VMULPS 192(R9), Z0, Z4
	VMOVUPS Z1, (R9)
	VMOVUPS Z2, 64(R9)
	VMOVUPS Z3, 128(R9)
	VMOVUPS Z4, 192(R9)
	ADDQ $256, R9
	SUBQ $64, CX
	JG   loop
short:
	ADDQ $48, CX
	JLE  last
vector:
	VMULPS (R9), Z0, Z1
	VMOVUPS Z1, (R9)
	ADDQ $64, R9
	SUBQ $16, CX
	JG   vector
last:
	VMULPS.Z (R9), Z0, K1, Z1
	VMOVUPS Z1, K1, (R9)
next:
	LEAQ (DI)(DX*4), DI
	ADDQ $4, SI
	DECQ R8
	JNZ  row
	VZEROUPPER
	RET
