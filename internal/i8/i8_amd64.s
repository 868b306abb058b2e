#include "textflag.h"

// Products of 4, 3, 2 or 1 quantised rows with panels, AVX2: half a panel at a time. See the declarations in i8_amd64.go.
//
// SI panels, 64 bytes (16 rows × 4 columns) a step; R15 their scales
// DI integers of row 0; rows are R8 bytes apart, R9 = 3·R8
// R11 meta of row 0; rows are R10 bytes apart, R13 = 3·R10
// AX result, rows BX bytes apart, R12 = 3·BX; CX groups left; DX bytes of a panel
//
// Y0-Y3 integer sums, Y4-Y7 results so far, Y8 panel, Y9 scratch, Y10 scales, Y13 sixteen ones, Y15 the panel's magnitudes.

DATA ones<>+0(SB)/8, $0x0001000100010001
GLOBL ones<>(SB), RODATA|NOPTR, $8

// op(integer sums, results, integers, meta, x) for the first rows.
#define EACH1(op, x) op(Y0, Y4, (DI), (R11), x)
#define EACH2(op, x) \
	EACH1(op, x) \
	op(Y1, Y5, (DI)(R8*1), (R11)(R10*1), x)
#define EACH3(op, x) \
	EACH2(op, x) \
	op(Y2, Y6, (DI)(R8*2), (R11)(R10*2), x)
#define EACH4(op, x) \
	EACH3(op, x) \
	op(Y3, Y7, (DI)(R9*1), (R11)(R13*1), x)

// op(address, results) for the first rows.
#define OUT1(op) op((AX), Y4)
#define OUT2(op) \
	OUT1(op) \
	op((AX)(BX*1), Y5)
#define OUT3(op) \
	OUT2(op) \
	op((AX)(BX*2), Y6)
#define OUT4(op) \
	OUT3(op) \
	op((AX)(R12*1), Y7)

#define LOAD(at, acc) VMOVUPS at, acc
#define STORE(at, acc) VMOVUPS acc, at

#define CLEAR(sum, acc, row, rec, x) VXORPS acc, acc, acc
#define BEGIN(sum, acc, row, rec, x) VPXOR sum, sum, sum
// |w| times a with w's sign. 2·128·127 = 32512 fits 16 bits, and a is never -128.
#define COLUMNS(sum, acc, row, rec, x) \
	VPBROADCASTD x row, Y9 \
	VPSIGNB Y8, Y9, Y9     \
	VPMADDUBSW Y9, Y15, Y9 \
	VPMADDWD Y13, Y9, Y9   \
	VPADDD Y9, sum, sum
// acc += d·(scale·sum)
#define SCALED(sum, acc, row, rec, x) \
	VCVTDQ2PS sum, sum      \
	VBROADCASTSS 0 rec, Y9  \
	VMULPS Y9, sum, sum     \
	VFMADD231PS Y10, sum, acc
// acc += scale·sum
#define ADDED(sum, acc, row, rec, x) \
	VCVTDQ2PS sum, sum     \
	VBROADCASTSS 0 rec, Y9 \
	VFMADD231PS Y9, sum, acc

#define STEP(each, k, half) \
	VMOVDQU (16*k+half)(SI), Y8 \
	VPABSB Y8, Y15            \
	each(COLUMNS, k)

// The integer sums of a group.
#define GROUP(each, half) \
	each(BEGIN, 0)       \
	STEP(each, 0, half)  \
	STEP(each, 4, half)  \
	STEP(each, 8, half)  \
	STEP(each, 12, half) \
	STEP(each, 16, half) \
	STEP(each, 20, half) \
	STEP(each, 24, half) \
	STEP(each, 28, half)

#define NEXTGROUP \
	ADDQ $512, SI \
	ADDQ $32, DI  \
	ADDQ $8, R11  \
	DECQ CX

#define DOTARGS \
	MOVQ s+0(FP), AX      \
	MOVQ lds+8(FP), BX    \
	MOVQ w+32(FP), SI     \
	MOVQ d+40(FP), R15    \
	MOVQ dim+48(FP), R8   \
	SHARED

#define MULARGS \
	MOVQ y+0(FP), AX      \
	MOVQ ldy+8(FP), BX    \
	MOVQ w+32(FP), SI     \
	MOVQ dim+40(FP), R8   \
	SHARED

#define SHARED \
	LEAQ (R8)(R8*2), R9    \
	MOVQ R8, R10           \
	SHRQ $2, R10           \
	LEAQ (R10)(R10*2), R13 \
	LEAQ (BX)(BX*2), R12   \
	MOVQ R8, DX            \
	SHLQ $4, DX            \
	VPBROADCASTQ ones<>(SB), Y13

#define ROWS(q) \
	MOVQ q+16(FP), DI     \
	MOVQ meta+24(FP), R11 \
	MOVQ R8, CX           \
	SHRQ $5, CX

#define DOTHALF(group, each, out, half) \
	ROWS(q)               \
	each(CLEAR, 0)        \
group:                    \
	GROUP(each, half)     \
	VCVTPH2PS (half/2)(R15), Y10 \
	each(SCALED, 0)       \
	ADDQ $32, R15         \
	NEXTGROUP             \
	JNZ group             \
	out(STORE)            \
	ADDQ $32, AX

#define MULHALF(group, each, out, half) \
	ROWS(p)           \
	out(LOAD)         \
group:                \
	GROUP(each, half) \
	each(ADDED, 0)    \
	NEXTGROUP         \
	JNZ group         \
	out(STORE)        \
	ADDQ $32, AX

// func dot4AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot4AVX2(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	DOTHALF(low, EACH4, OUT4, 0)
	SUBQ DX, SI
	SUBQ R8, R15
	DOTHALF(high, EACH4, OUT4, 32)
	DECQ panels+56(FP)
	JNZ panel
	VZEROUPPER
	RET

// func mulAdd4AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd4AVX2(SB), NOSPLIT, $0-56
	MULARGS
panel:
	MULHALF(low, EACH4, OUT4, 0)
	SUBQ DX, SI
	MULHALF(high, EACH4, OUT4, 32)
	DECQ panels+48(FP)
	JNZ panel
	VZEROUPPER
	RET

// func dot3AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot3AVX2(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	DOTHALF(low, EACH3, OUT3, 0)
	SUBQ DX, SI
	SUBQ R8, R15
	DOTHALF(high, EACH3, OUT3, 32)
	DECQ panels+56(FP)
	JNZ panel
	VZEROUPPER
	RET

// func mulAdd3AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd3AVX2(SB), NOSPLIT, $0-56
	MULARGS
panel:
	MULHALF(low, EACH3, OUT3, 0)
	SUBQ DX, SI
	MULHALF(high, EACH3, OUT3, 32)
	DECQ panels+48(FP)
	JNZ panel
	VZEROUPPER
	RET

// func dot2AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot2AVX2(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	DOTHALF(low, EACH2, OUT2, 0)
	SUBQ DX, SI
	SUBQ R8, R15
	DOTHALF(high, EACH2, OUT2, 32)
	DECQ panels+56(FP)
	JNZ panel
	VZEROUPPER
	RET

// func mulAdd2AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd2AVX2(SB), NOSPLIT, $0-56
	MULARGS
panel:
	MULHALF(low, EACH2, OUT2, 0)
	SUBQ DX, SI
	MULHALF(high, EACH2, OUT2, 32)
	DECQ panels+48(FP)
	JNZ panel
	VZEROUPPER
	RET

// func dot1AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot1AVX2(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	DOTHALF(low, EACH1, OUT1, 0)
	SUBQ DX, SI
	SUBQ R8, R15
	DOTHALF(high, EACH1, OUT1, 32)
	DECQ panels+56(FP)
	JNZ panel
	VZEROUPPER
	RET

// func mulAdd1AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd1AVX2(SB), NOSPLIT, $0-56
	MULARGS
panel:
	MULHALF(low, EACH1, OUT1, 0)
	SUBQ DX, SI
	MULHALF(high, EACH1, OUT1, 32)
	DECQ panels+48(FP)
	JNZ panel
	VZEROUPPER
	RET
