#include "textflag.h"

// Products of blocks: 6 or 4 rows of c by 16 columns, 3 by 32 or 16, one by 64 or 16, so that the groups of query heads that
// models have are one pass over b. For floats and halves b the frame is the same; FLOAT and HALF fetch a vector of b.
//
// DI, SI: the block's rows of c and a. DX: the columns' offset, in bytes of c. R10, R11: c's rows 0 and 3. AX, R12: a's rows 0
// and 3. BX: the row of b. R9: columns left; rows left are in their argument. R13, R14, R15: lda, ldb, ldc. R8: what to ask for.

#define FLOAT(at, y) VMOVUPS at(BX), y
#define HALF(at, y) VCVTPH2PS (at/2)(BX), y

// acc += Y15 · a vector of b; t is free.
#define FLOATADD(at, acc, t) VFMADD231PS at(BX), Y15, acc
#define HALFADD(at, acc, t) \
	HALF(at, t)             \
	VFMADD231PS t, Y15, acc

// BX = b + the columns' offset.
#define FLOATS \
	MOVQ b+16(FP), BX \
	ADDQ DX, BX
#define HALVES \
	MOVQ DX, BX       \
	SHRQ $1, BX       \
	ADDQ b+16(FP), BX

// Halves are multiplied by few rows of c, so that their rate is the memory's: what is 16 KB ahead is asked for, in the order of memory,
// whichever columns are being multiplied. What is asked for faster than the memory answers is forgotten, so it is asked for again
// 8 KB ahead. Two threads with caches of 30 layers, Zen 3: 13 to 16 GB/s; 8 to 9 when the columns' own lines are asked for.
#define ASK MOVQ b+16(FP), R8
#define AHEAD(line) \
	PREFETCHT0 (16384+line)(R8) \
	PREFETCHT0 (8192+line)(R8)
#define AHEAD2 \
	AHEAD(0) \
	ADDQ $32, R8
#define AHEAD4 \
	AHEAD(0) \
	ADDQ $64, R8
#define AHEAD8 \
	AHEAD(0) \
	AHEAD(64) \
	ADDQ $128, R8
#define NONE

// op(row of c, row of a, results) for every row of a block of 16 columns.
#define ROWS1(op) op((R10), (AX), Y0, Y1)
#define ROWS3(op) \
	ROWS1(op)                               \
	op((R10)(R15*1), (AX)(R13*1), Y2, Y3)   \
	op((R10)(R15*2), (AX)(R13*2), Y4, Y5)
#define ROWS4(op) \
	ROWS3(op)                               \
	op((R11), (R12), Y6, Y7)
#define ROWS6(op) \
	ROWS4(op)                               \
	op((R11)(R15*1), (R12)(R13*1), Y8, Y9)  \
	op((R11)(R15*2), (R12)(R13*2), Y10, Y11)

#define LOAD2(c, a, y0, y1) \
	VMOVUPS c, y0    \
	VMOVUPS 32 c, y1
#define STORE2(c, a, y0, y1) \
	VMOVUPS y0, c    \
	VMOVUPS y1, 32 c
#define FMA2(c, a, y0, y1) \
	VBROADCASTSS a, Y14      \
	VFMADD231PS Y12, Y14, y0 \
	VFMADD231PS Y13, Y14, y1

// The same of a block of 3 rows of 32 columns, and of one row of 64.
#define WIDE3(op) \
	op(0, (R10), Y0, Y1, Y2, Y3)         \
	op(0, (R10)(R15*1), Y4, Y5, Y6, Y7)  \
	op(0, (R10)(R15*2), Y8, Y9, Y10, Y11)
#define WIDE1(op) \
	op(0, (R10), Y0, Y1, Y2, Y3)   \
	op(128, (R10), Y4, Y5, Y6, Y7)

#define LOAD4(at, c, y0, y1, y2, y3) \
	VMOVUPS (at+0) c, y0    \
	VMOVUPS (at+32) c, y1   \
	VMOVUPS (at+64) c, y2   \
	VMOVUPS (at+96) c, y3
#define STORE4(at, c, y0, y1, y2, y3) \
	VMOVUPS y0, (at+0) c    \
	VMOVUPS y1, (at+32) c   \
	VMOVUPS y2, (at+64) c   \
	VMOVUPS y3, (at+96) c

#define BEGIN(b) \
	LEAQ (DI)(DX*1), R10   \
	LEAQ (R15)(R15*2), R11 \
	ADDQ R10, R11          \
	MOVQ SI, AX            \
	LEAQ (R13)(R13*2), R12 \
	ADDQ SI, R12           \
	b                      \
	MOVQ k+32(FP), CX

#define NEXTK(loop) \
	ADDQ $4, AX  \
	ADDQ $4, R12 \
	ADDQ R14, BX \
	DECQ CX      \
	JNZ loop

#define BLOCK(rows, b, get, fetch, loop) \
	BEGIN(b)     \
	rows(LOAD2)  \
loop:            \
	fetch        \
	get(0, Y12)  \
	get(32, Y13) \
	rows(FMA2)   \
	NEXTK(loop)  \
	rows(STORE2)

// A column of a block of three rows.
#define COLUMN(get, at, y0, y1, y2) \
	get(at, Y15)             \
	VFMADD231PS Y15, Y12, y0 \
	VFMADD231PS Y15, Y13, y1 \
	VFMADD231PS Y15, Y14, y2

#define TRIPLE(b, get, fetch, loop) \
	BEGIN(b)                      \
	WIDE3(LOAD4)                  \
loop:                             \
	fetch                         \
	VBROADCASTSS (AX), Y12        \
	VBROADCASTSS (AX)(R13*1), Y13 \
	VBROADCASTSS (AX)(R13*2), Y14 \
	COLUMN(get, 0, Y0, Y4, Y8)    \
	COLUMN(get, 32, Y1, Y5, Y9)   \
	COLUMN(get, 64, Y2, Y6, Y10)  \
	COLUMN(get, 96, Y3, Y7, Y11)  \
	NEXTK(loop)                   \
	WIDE3(STORE4)

#define SINGLE(b, add, fetch, loop) \
	BEGIN(b)               \
	WIDE1(LOAD4)           \
loop:                      \
	fetch                  \
	VBROADCASTSS (AX), Y15 \
	add(0, Y0, Y8)         \
	add(32, Y1, Y9)        \
	add(64, Y2, Y10)       \
	add(96, Y3, Y11)       \
	add(128, Y4, Y8)       \
	add(160, Y5, Y9)       \
	add(192, Y6, Y10)      \
	add(224, Y7, Y11)      \
	NEXTK(loop)            \
	WIDE1(STORE4)

// Leaves for end if fewer than count rows are left.
#define STRIP(count, ask, end) \
	CMPQ m+24(FP), $count \
	JLT end            \
	ask                \
	MOVQ n+40(FP), R9  \
	XORQ DX, DX

#define MOVE(bytes, columns) \
	ADDQ $bytes, DX   \
	SUBQ $columns, R9

#define ENDSTRIP(count) \
	IMUL3Q $count, R15, AX \
	ADDQ AX, DI            \
	IMUL3Q $count, R13, AX \
	ADDQ AX, SI            \
	SUBQ $count, m+24(FP)

#define PRODUCT(count, rows, b, get, add, ask, ahead2, ahead4, ahead8) \
	MOVQ c+0(FP), DI     \
	MOVQ a+8(FP), SI     \
	MOVQ lda+48(FP), R13 \
	MOVQ ldb+56(FP), R14 \
	MOVQ ldc+64(FP), R15 \
many:                    \
	STRIP(count, ask, three) \
cols:                    \
	BLOCK(rows, b, get, ahead2, k) \
	MOVE(64, 16)         \
	JG cols              \
	ENDSTRIP(count)      \
	JMP many             \
three:                   \
	STRIP(3, ask, row)   \
cols3:                   \
	CMPQ R9, $32         \
	JLT half3            \
	TRIPLE(b, get, ahead4, k3) \
	MOVE(128, 32)        \
	JNZ cols3            \
	JMP next3            \
half3:                   \
	BLOCK(ROWS3, b, get, ahead2, h3) \
next3:                   \
	ENDSTRIP(3)          \
	JMP three            \
row:                     \
	STRIP(1, ask, done)  \
cols1:                   \
	CMPQ R9, $64         \
	JLT rest1            \
	SINGLE(b, add, ahead8, k1) \
	MOVE(256, 64)        \
	JMP cols1            \
rest1:                   \
	TESTQ R9, R9         \
	JLE next1            \
	BLOCK(ROWS1, b, get, ahead2, h1) \
	MOVE(64, 16)         \
	JMP rest1            \
next1:                   \
	ENDSTRIP(1)          \
	JMP row              \
done:                    \
	VZEROUPPER           \
	RET

// func mulAddAVX2(c, a, b *float32, m, k, n, lda, ldb, ldc int)
TEXT ·mulAddAVX2(SB), NOSPLIT, $0-72
	PRODUCT(6, ROWS6, FLOATS, FLOAT, FLOATADD, NONE, NONE, NONE, NONE)

// func mulAddF16AVX2(c, a *float32, b *uint16, m, k, n, lda, ldb, ldc int)
TEXT ·mulAddF16AVX2(SB), NOSPLIT, $0-72
	PRODUCT(4, ROWS4, HALVES, HALF, HALFADD, ASK, AHEAD2, AHEAD4, AHEAD8)
