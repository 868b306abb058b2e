#include "textflag.h"
#include "half_amd64.h"

// Products of 4, 3, 2 or 1 quantised rows with panels, AVX2. See the declarations in i8_amd64.go. Y13 sixteen ones, Y15 the
// panel's magnitudes.

DATA ones<>+0(SB)/8, $0x0001000100010001
GLOBL ones<>(SB), RODATA|NOPTR, $8

#define CONSTANTS VPBROADCASTQ ones<>(SB), Y13

#define BEGIN(n, sum, acc, row, rec, x) VPXOR sum, sum, sum
// |w| times a with w's sign. 2·128·127 = 32512 fits 16 bits, and a is never -128.
#define COLUMNS(n, sum, acc, row, rec, x) \
	VPBROADCASTD x row, Y9 \
	VPSIGNB Y8, Y9, Y9     \
	VPMADDUBSW Y9, Y15, Y9 \
	VPMADDWD Y13, Y9, Y9   \
	VPADDD Y9, sum, sum

#define STEP(each, k, half) \
	VMOVDQU (16*k+half)(SI), Y8 \
	VPABSB Y8, Y15            \
	each(COLUMNS, k)

// func dot4AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot4AVX2(SB), NOSPLIT, $0-64
	DOTS(EACH4, OUT4)

// func mulAdd4AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd4AVX2(SB), NOSPLIT, $0-56
	MULS(EACH4, OUT4)

// func dot3AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot3AVX2(SB), NOSPLIT, $0-64
	DOTS(EACH3, OUT3)

// func mulAdd3AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd3AVX2(SB), NOSPLIT, $0-56
	MULS(EACH3, OUT3)

// func dot2AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot2AVX2(SB), NOSPLIT, $0-64
	DOTS(EACH2, OUT2)

// func mulAdd2AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd2AVX2(SB), NOSPLIT, $0-56
	MULS(EACH2, OUT2)

// func dot1AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot1AVX2(SB), NOSPLIT, $0-64
	DOTS(EACH1, OUT1)

// func mulAdd1AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd1AVX2(SB), NOSPLIT, $0-56
	MULS(EACH1, OUT1)
