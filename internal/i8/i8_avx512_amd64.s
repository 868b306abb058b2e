#include "textflag.h"
#include "rows_avx512_amd64.h"

// Products of 8, 4, 3, 2 or 1 quantised rows with panels, AVX-512 with VNNI. See the declarations in i8_amd64.go.
//
// SI panels, 64 bytes (16 rows × 4 columns) a step; R15 their scales
// DI integers of rows 0 to 3, DX of rows 4 to 7; rows are R8 bytes apart, R9 = 3·R8
// R11 meta of rows 0 to 3, R12 of rows 4 to 7; rows are R10 bytes apart, R13 = 3·R10
// AX result, rows BX bytes apart; CX groups left
//
// Z0-Z7 integer sums, Z8-Z15 results so far, Z16 panel, shifted to be unsigned, Z17 scales, Z20 the sign bits of bytes.

DATA signBits<>+0(SB)/4, $0x80808080
GLOBL signBits<>(SB), RODATA|NOPTR, $4

#define STEP(each, k) \
	VPXORD (16*k)(SI), Z20, Z16 \
	each(COLUMNS, k)

#define FEW(each) \
	FETCH(0)  \
	FETCH(4)  \
	each(BEGIN, 0) \
	STEP(each, 0)  \
	STEP(each, 4)  \
	FETCH(8)  \
	FETCH(12) \
	STEP(each, 8)  \
	STEP(each, 12) \
	FETCH(16) \
	FETCH(20) \
	STEP(each, 16) \
	STEP(each, 20) \
	FETCH(24) \
	FETCH(28) \
	STEP(each, 24) \
	STEP(each, 28)

// The integer sums of a group.
#define GROUP(each) \
	each(BEGIN, 0) \
	STEP(each, 0)  \
	STEP(each, 4)  \
	STEP(each, 8)  \
	STEP(each, 12) \
	STEP(each, 16) \
	STEP(each, 20) \
	STEP(each, 24) \
	STEP(each, 28)

#define NEXTGROUP \
	ADDQ $512, SI \
	ADDQ $32, DI  \
	ADDQ $32, DX  \
	ADDQ $8, R11  \
	ADDQ $8, R12  \
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
	LEAQ (R8)(R8*2), R9   \
	MOVQ R8, R10          \
	SHRQ $2, R10          \
	LEAQ (R10)(R10*2), R13 \
	VPBROADCASTD signBits<>(SB), Z20

#define ROWS(q) \
	MOVQ q+16(FP), DI      \
	LEAQ (DI)(R8*4), DX    \
	MOVQ meta+24(FP), R11  \
	LEAQ (R11)(R10*4), R12 \
	MOVQ R8, CX            \
	SHRQ $5, CX

// func dot8VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot8VNNI(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	ROWS(q)
	EACH8(CLEAR, 0)
group:
	GROUP(EACH8)
	VCVTPH2PS (R15), Z17
	EACH8(SCALED, 0)
	ADDQ $32, R15
	NEXTGROUP
	JNZ group
	OUT8(STORE)
	ADDQ $64, AX
	DECQ panels+56(FP)
	JNZ panel
	VZEROUPPER
	RET

// func mulAdd8VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd8VNNI(SB), NOSPLIT, $0-56
	MULARGS
panel:
	ROWS(p)
	OUT8(LOAD)
group:
	GROUP(EACH8)
	EACH8(ADDED, 0)
	NEXTGROUP
	JNZ group
	OUT8(STORE)
	ADDQ $64, AX
	DECQ panels+48(FP)
	JNZ panel
	VZEROUPPER
	RET

// func dot4VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot4VNNI(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	ROWS(q)
	EACH4(CLEAR, 0)
group:
	FEW(EACH4)
	VCVTPH2PS (R15), Z17
	EACH4(SCALED, 0)
	ADDQ $32, R15
	NEXTGROUP
	JNZ group
	OUT4(STORE)
	ADDQ $64, AX
	DECQ panels+56(FP)
	JNZ panel
	VZEROUPPER
	RET

// func mulAdd4VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd4VNNI(SB), NOSPLIT, $0-56
	MULARGS
panel:
	ROWS(p)
	OUT4(LOAD)
group:
	FEW(EACH4)
	EACH4(ADDED, 0)
	NEXTGROUP
	JNZ group
	OUT4(STORE)
	ADDQ $64, AX
	DECQ panels+48(FP)
	JNZ panel
	VZEROUPPER
	RET

// func dot3VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot3VNNI(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	ROWS(q)
	EACH3(CLEAR, 0)
group:
	FEW(EACH3)
	VCVTPH2PS (R15), Z17
	EACH3(SCALED, 0)
	ADDQ $32, R15
	NEXTGROUP
	JNZ group
	OUT3(STORE)
	ADDQ $64, AX
	DECQ panels+56(FP)
	JNZ panel
	VZEROUPPER
	RET

// func mulAdd3VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd3VNNI(SB), NOSPLIT, $0-56
	MULARGS
panel:
	ROWS(p)
	OUT3(LOAD)
group:
	FEW(EACH3)
	EACH3(ADDED, 0)
	NEXTGROUP
	JNZ group
	OUT3(STORE)
	ADDQ $64, AX
	DECQ panels+48(FP)
	JNZ panel
	VZEROUPPER
	RET

// func dot2VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot2VNNI(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	ROWS(q)
	EACH2(CLEAR, 0)
group:
	FEW(EACH2)
	VCVTPH2PS (R15), Z17
	EACH2(SCALED, 0)
	ADDQ $32, R15
	NEXTGROUP
	JNZ group
	OUT2(STORE)
	ADDQ $64, AX
	DECQ panels+56(FP)
	JNZ panel
	VZEROUPPER
	RET

// func mulAdd2VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd2VNNI(SB), NOSPLIT, $0-56
	MULARGS
panel:
	ROWS(p)
	OUT2(LOAD)
group:
	FEW(EACH2)
	EACH2(ADDED, 0)
	NEXTGROUP
	JNZ group
	OUT2(STORE)
	ADDQ $64, AX
	DECQ panels+48(FP)
	JNZ panel
	VZEROUPPER
	RET

// func dot1VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot1VNNI(SB), NOSPLIT, $0-64
	DOTARGS
panel:
	ROWS(q)
	EACH1(CLEAR, 0)
group:
	FEW(EACH1)
	VCVTPH2PS (R15), Z17
	EACH1(SCALED, 0)
	ADDQ $32, R15
	NEXTGROUP
	JNZ group
	OUT1(STORE)
	ADDQ $64, AX
	DECQ panels+56(FP)
	JNZ panel
	VZEROUPPER
	RET

// func mulAdd1VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd1VNNI(SB), NOSPLIT, $0-56
	MULARGS
panel:
	ROWS(p)
	OUT1(LOAD)
group:
	FEW(EACH1)
	EACH1(ADDED, 0)
	NEXTGROUP
	JNZ group
	OUT1(STORE)
	ADDQ $64, AX
	DECQ panels+48(FP)
	JNZ panel
	VZEROUPPER
	RET
