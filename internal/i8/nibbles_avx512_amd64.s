#include "textflag.h"
#include "rows_avx512_amd64.h"

// Products of 4, 3, 2 or 1 quantised rows with nibbles, AVX-512 with VNNI. See the declarations in nibbles_amd64.go, and
// i8_avx512_amd64.s for the registers. Nibbles are unsigned: what is to be 8 less is put right by a sixteenth of the bias, which
// is that of 128. Z20: the mask of low nibbles, DX: the panel's start.

DATA lowNibbles<>+0(SB)/4, $0x0f0f0f0f
GLOBL lowNibbles<>(SB), RODATA|NOPTR, $4

#define BEGIN4(sum, acc, row, rec, x) \
	VPBROADCASTD 4 rec, sum \
	VPSRAD $4, sum, sum

#define LOW(each, k) \
	VPANDD (16*k)(SI), Z20, Z16 \
	each(COLUMNS, k)
#define HIGH(each, k) \
	VPSRLW $4, (16*k)(SI), Z16 \
	VPANDD Z20, Z16, Z16       \
	each(COLUMNS, k)

// The integer sums of a group, of low nibbles and of high ones, whose lines have come.
#define LOWS(each) \
	FETCH(0)       \
	FETCH(4)       \
	each(BEGIN4, 0) \
	LOW(each, 0)   \
	LOW(each, 4)   \
	FETCH(8)       \
	FETCH(12)      \
	LOW(each, 8)   \
	LOW(each, 12)  \
	FETCH(16)      \
	FETCH(20)      \
	LOW(each, 16)  \
	LOW(each, 20)  \
	FETCH(24)      \
	FETCH(28)      \
	LOW(each, 24)  \
	LOW(each, 28)
#define HIGHS(each) \
	each(BEGIN4, 0) \
	HIGH(each, 0)  \
	HIGH(each, 4)  \
	HIGH(each, 8)  \
	HIGH(each, 12) \
	HIGH(each, 16) \
	HIGH(each, 20) \
	HIGH(each, 24) \
	HIGH(each, 28)

#define NEXT \
	ADDQ $512, SI \
	ADDQ $32, DI  \
	ADDQ $8, R11  \
	DECQ CX

// The rows from the first group on.
#define ROWS(q) \
	MOVQ q+16(FP), DI     \
	MOVQ meta+24(FP), R11

// R10 = a row's bytes of meta.
#define STRIDES \
	LEAQ (R8)(R8*2), R9    \
	MOVQ R8, R10           \
	SHRQ $2, R10           \
	LEAQ (R10)(R10*2), R13 \
	VPBROADCASTD lowNibbles<>(SB), Z20

#define DOT(each, out) \
	MOVQ s+0(FP), AX      \
	MOVQ lds+8(FP), BX    \
	MOVQ w+32(FP), SI     \
	MOVQ d+40(FP), R15    \
	MOVQ dim+48(FP), R8   \
	STRIDES               \
panel:                    \
	ROWS(q)               \
	MOVQ SI, DX           \
	MOVQ R8, CX           \
	SHRQ $6, CX           \
	each(CLEAR, 0)        \
low:                      \
	LOWS(each)            \
	VCVTPH2PS (R15), Z17  \
	each(SCALED, 0)       \
	ADDQ $32, R15         \
	NEXT                  \
	JNZ  low              \
	MOVQ DX, SI           \
	MOVQ R8, CX           \
	SHRQ $6, CX           \
high:                     \
	HIGHS(each)           \
	VCVTPH2PS (R15), Z17  \
	each(SCALED, 0)       \
	ADDQ $32, R15         \
	NEXT                  \
	JNZ  high             \
	out(STORE)            \
	ADDQ $64, AX          \
	DECQ panels+56(FP)    \
	JNZ  panel            \
	VZEROUPPER            \
	RET

#define MULADD(each, out) \
	MOVQ y+0(FP), AX      \
	MOVQ ldy+8(FP), BX    \
	MOVQ w+32(FP), SI     \
	MOVQ dim+40(FP), R8   \
	STRIDES               \
pair:                     \
	ROWS(p)               \
	MOVQ SI, DX           \
	MOVQ R8, CX           \
	SHRQ $5, CX           \
	out(LOAD)             \
low:                      \
	LOWS(each)            \
	each(ADDED, 0)        \
	NEXT                  \
	JNZ  low              \
	out(STORE)            \
	ADDQ $64, AX          \
	ROWS(p)               \
	MOVQ DX, SI           \
	MOVQ R8, CX           \
	SHRQ $5, CX           \
	out(LOAD)             \
high:                     \
	HIGHS(each)           \
	each(ADDED, 0)        \
	NEXT                  \
	JNZ  high             \
	out(STORE)            \
	ADDQ $64, AX          \
	DECQ pairs+48(FP)     \
	JNZ  pair             \
	VZEROUPPER            \
	RET

// func nibbleDot4VNNI(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)
TEXT ·nibbleDot4VNNI(SB), NOSPLIT, $0-64
	DOT(EACH4, OUT4)

// func nibbleMulAdd4VNNI(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)
TEXT ·nibbleMulAdd4VNNI(SB), NOSPLIT, $0-56
	MULADD(EACH4, OUT4)

// func nibbleDot3VNNI(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)
TEXT ·nibbleDot3VNNI(SB), NOSPLIT, $0-64
	DOT(EACH3, OUT3)

// func nibbleMulAdd3VNNI(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)
TEXT ·nibbleMulAdd3VNNI(SB), NOSPLIT, $0-56
	MULADD(EACH3, OUT3)

// func nibbleDot2VNNI(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)
TEXT ·nibbleDot2VNNI(SB), NOSPLIT, $0-64
	DOT(EACH2, OUT2)

// func nibbleMulAdd2VNNI(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)
TEXT ·nibbleMulAdd2VNNI(SB), NOSPLIT, $0-56
	MULADD(EACH2, OUT2)

// func nibbleDot1VNNI(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)
TEXT ·nibbleDot1VNNI(SB), NOSPLIT, $0-64
	DOT(EACH1, OUT1)

// func nibbleMulAdd1VNNI(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)
TEXT ·nibbleMulAdd1VNNI(SB), NOSPLIT, $0-56
	MULADD(EACH1, OUT1)
