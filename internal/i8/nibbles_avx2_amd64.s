#include "textflag.h"
#include "half_amd64.h"
#include "nibbles_amd64.h"

// Products of 4, 3, 2 or 1 quantised rows with nibbles, AVX2. See the declarations in nibbles_amd64.go. Sums of a group fit 16 bits:
// 8 steps of at most 2·15·127 = 3810. Y13 sixteen ones.

DATA ones<>+0(SB)/8, $0x0001000100010001
GLOBL ones<>(SB), RODATA|NOPTR, $8
DATA lowNibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL lowNibbles<>(SB), RODATA|NOPTR, $8

#define CONSTANTS \
	VPBROADCASTQ ones<>(SB), Y13 \
	VPBROADCASTQ lowNibbles<>(SB), Y12

#define START(n, sum, acc, row, rec, x) VPXOR sum, sum, sum
#define COLUMNS(n, sum, acc, row, rec, x) \
	VPBROADCASTD x row, Y9 \
	VPMADDUBSW Y9, Y8, Y9  \
	VPADDW Y9, sum, sum
#define TOTAL(n, sum, acc, row, rec, x) \
	VPMADDWD Y13, sum, sum \
	VPBROADCASTD 4 rec, Y9 \
	VPSRAD $4, Y9, Y9      \
	VPADDD Y9, sum, sum

// func nibbleDot4AVX2(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)
TEXT ·nibbleDot4AVX2(SB), NOSPLIT, $0-64
	NIBBLEDOTS(EACH4, OUT4)

// func nibbleMulAdd4AVX2(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)
TEXT ·nibbleMulAdd4AVX2(SB), NOSPLIT, $0-56
	NIBBLEMULS(EACH4, OUT4)

// func nibbleDot3AVX2(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)
TEXT ·nibbleDot3AVX2(SB), NOSPLIT, $0-64
	NIBBLEDOTS(EACH3, OUT3)

// func nibbleMulAdd3AVX2(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)
TEXT ·nibbleMulAdd3AVX2(SB), NOSPLIT, $0-56
	NIBBLEMULS(EACH3, OUT3)

// func nibbleDot2AVX2(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)
TEXT ·nibbleDot2AVX2(SB), NOSPLIT, $0-64
	NIBBLEDOTS(EACH2, OUT2)

// func nibbleMulAdd2AVX2(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)
TEXT ·nibbleMulAdd2AVX2(SB), NOSPLIT, $0-56
	NIBBLEMULS(EACH2, OUT2)

// func nibbleDot1AVX2(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)
TEXT ·nibbleDot1AVX2(SB), NOSPLIT, $0-64
	NIBBLEDOTS(EACH1, OUT1)

// func nibbleMulAdd1AVX2(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)
TEXT ·nibbleMulAdd1AVX2(SB), NOSPLIT, $0-56
	NIBBLEMULS(EACH1, OUT1)
