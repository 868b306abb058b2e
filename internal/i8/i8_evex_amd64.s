#include "textflag.h"
#include "half_amd64.h"

// The products for AVX-VNNI with the same instruction as AVX-512 has it.
// See the declarations in i8_avx2vnni_amd64.go. Y8 panel, shifted to be unsigned, Y14 the sign bits of bytes.

DATA signBits<>+0(SB)/4, $0x80808080
GLOBL signBits<>(SB), RODATA|NOPTR, $4

#define CONSTANTS VPBROADCASTD signBits<>(SB), Y14

#define BEGIN(n, sum, acc, row, rec, x) VPBROADCASTD 4 rec, sum
#define COLUMNS(n, sum, acc, row, rec, x) \
	VPBROADCASTD x row, Y9 \
	VPDPBUSD Y9, Y8, sum

#define STEP(each, k, half) \
	VPXOR (16*k+half)(SI), Y14, Y8 \
	each(COLUMNS, k)

// func dot4EVEX(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot4EVEX(SB), NOSPLIT, $0-64
	DOTS(EACH4, OUT4)

// func mulAdd4EVEX(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd4EVEX(SB), NOSPLIT, $0-56
	MULS(EACH4, OUT4)

// func dot3EVEX(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot3EVEX(SB), NOSPLIT, $0-64
	DOTS(EACH3, OUT3)

// func mulAdd3EVEX(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd3EVEX(SB), NOSPLIT, $0-56
	MULS(EACH3, OUT3)

// func dot2EVEX(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot2EVEX(SB), NOSPLIT, $0-64
	DOTS(EACH2, OUT2)

// func mulAdd2EVEX(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd2EVEX(SB), NOSPLIT, $0-56
	MULS(EACH2, OUT2)

// func dot1EVEX(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)
TEXT ·dot1EVEX(SB), NOSPLIT, $0-64
	DOTS(EACH1, OUT1)

// func mulAdd1EVEX(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)
TEXT ·mulAdd1EVEX(SB), NOSPLIT, $0-56
	MULS(EACH1, OUT1)
