#include "textflag.h"

// Tile kernels: 8 weight rows times 4 or 1 rows of activations, AVX2. See the declarations in mul_amd64.go.
//
// SI tile, 32 bytes (8 rows × 4 columns) a step, 256 a block of 32 columns
// DI activations of row 0; rows are R8 bytes apart, R9 = 3·R8
// R10 meta of row 0; its rows are R8 bytes apart, too
// R13 scales and DX offsets, 8 rows a group
// AX result, rows BX bytes apart; CX blocks left
//
// Y0-Y3 integer sums of the four activation rows, Y4-Y7 their results so far, Y10 Y11 Y12 Y14 second integer sums,
// Y8 weights, Y9 scratch, Y13 sixteen ones, Y15 what the code has to subtract to get signed weights.

DATA ones<>+0(SB)/8, $0x0001000100010001
GLOBL ones<>(SB), RODATA|NOPTR, $8
DATA off8<>+0(SB)/4, $0x41000000 // 8
GLOBL off8<>(SB), RODATA|NOPTR, $4
DATA off16<>+0(SB)/4, $0x41800000 // 16
GLOBL off16<>(SB), RODATA|NOPTR, $4
DATA off32<>+0(SB)/4, $0x42000000 // 32
GLOBL off32<>(SB), RODATA|NOPTR, $4

#define ARGS \
	MOVQ y+0(FP), AX           \
	MOVQ stride+8(FP), BX      \
	MOVQ a+16(FP), DI          \
	MOVQ cols+24(FP), R8       \
	MOVQ meta+32(FP), R10      \
	MOVQ w+40(FP), SI          \
	MOVQ d+48(FP), R13         \
	MOVQ m+56(FP), DX          \
	SHLQ $2, BX                \
	LEAQ (R8)(R8*2), R9        \
	MOVQ R8, CX                \
	SHRQ $5, CX                \
	VPBROADCASTQ ones<>(SB), Y13 \
	VXORPS Y4, Y4, Y4          \
	VXORPS Y5, Y5, Y5          \
	VXORPS Y6, Y6, Y6          \
	VXORPS Y7, Y7, Y7

#define ADVANCE(scales) \
	ADDQ $256, SI    \
	ADDQ $32, DI     \
	ADDQ $32, R10    \
	ADDQ $scales, R13 \
	ADDQ $scales, DX

#define STORE4 \
	VMOVUPS Y4, (AX)         \
	VMOVUPS Y5, (AX)(BX*1)   \
	VMOVUPS Y6, (AX)(BX*2)   \
	LEAQ (BX)(BX*2), BX      \
	VMOVUPS Y7, (AX)(BX*1)   \
	VZEROUPPER               \
	RET

#define STORE1 \
	VMOVUPS Y4, (AX) \
	VZEROUPPER       \
	RET

// Unsigned weights: 16-bit sums of pairs, started (FIRST) and continued (NEXT) in registers s0-s3.
#define FIRST4(k, s0, s1, s2, s3) \
	VMOVDQU (8*(k))(SI), Y8           \
	VPBROADCASTD (k)(DI), Y9          \
	VPMADDUBSW Y9, Y8, s0           \
	VPBROADCASTD (k)(DI)(R8*1), Y9    \
	VPMADDUBSW Y9, Y8, s1           \
	VPBROADCASTD (k)(DI)(R8*2), Y9    \
	VPMADDUBSW Y9, Y8, s2           \
	VPBROADCASTD (k)(DI)(R9*1), Y9    \
	VPMADDUBSW Y9, Y8, s3

#define NEXT4(k, s0, s1, s2, s3) \
	VMOVDQU (8*(k))(SI), Y8           \
	VPBROADCASTD (k)(DI), Y9          \
	VPMADDUBSW Y9, Y8, Y9           \
	VPADDW Y9, s0, s0               \
	VPBROADCASTD (k)(DI)(R8*1), Y9    \
	VPMADDUBSW Y9, Y8, Y9           \
	VPADDW Y9, s1, s1               \
	VPBROADCASTD (k)(DI)(R8*2), Y9    \
	VPMADDUBSW Y9, Y8, Y9           \
	VPADDW Y9, s2, s2               \
	VPBROADCASTD (k)(DI)(R9*1), Y9    \
	VPMADDUBSW Y9, Y8, Y9           \
	VPADDW Y9, s3, s3

#define FIRST1(k, s) \
	VMOVDQU (8*(k))(SI), Y8   \
	VPBROADCASTD (k)(DI), Y9  \
	VPMADDUBSW Y9, Y8, s

#define NEXT1(k, s) \
	VMOVDQU (8*(k))(SI), Y8   \
	VPBROADCASTD (k)(DI), Y9  \
	VPMADDUBSW Y9, Y8, Y9   \
	VPADDW Y9, s, s

#define WIDEN(s) VPMADDWD Y13, s, s

// Two 16-bit sums into 32 bits.
#define WIDEN2(s, t) \
	VPMADDWD Y13, s, s \
	VPMADDWD Y13, t, t \
	VPADDD t, s, s

#define WIDEN4X2 \
	WIDEN2(Y0, Y10) \
	WIDEN2(Y1, Y11) \
	WIDEN2(Y2, Y12) \
	WIDEN2(Y3, Y14)

// sum -= offset · Σa, exact: all are integers below 2^24.
#define UNBIAS(sum, total) \
	VBROADCASTSS total, Y9       \
	VFNMADD231PS Y9, Y15, sum

// acc += dw·(da·sum)
#define SCALE(sum, da, acc, ds) \
	VBROADCASTSS da, Y9           \
	VMULPS Y9, sum, sum           \
	VFMADD231PS ds(R13), sum, acc

// acc += mw·(da·Σa)
#define MINIMUM(total, acc, ds) \
	VBROADCASTSS total, Y9       \
	VFMADD231PS ds(DX), Y9, acc

#define GROUPMIN(sum, row, acc, ds, t) \
	VCVTDQ2PS sum, sum        \
	SCALE(sum, 0 row, acc, ds) \
	MINIMUM(t row, acc, ds)

#define GROUPPLAIN(sum, row, acc, ds) \
	VCVTDQ2PS sum, sum         \
	SCALE(sum, 0 row, acc, ds)

#define GROUPOFF(sum, row, acc, ds, t) \
	VCVTDQ2PS sum, sum  \
	UNBIAS(sum, t row)  \
	SCALE(sum, 0 row, acc, ds)

// ds is the byte offset of the group's scales, t that of its activation sum (with minima: times the scale) in the meta record.
#define ALLMIN(ds, t) \
	GROUPMIN(Y0, (R10), Y4, ds, t)         \
	GROUPMIN(Y1, (R10)(R8*1), Y5, ds, t)  \
	GROUPMIN(Y2, (R10)(R8*2), Y6, ds, t)  \
	GROUPMIN(Y3, (R10)(R9*1), Y7, ds, t)

#define ALLPLAIN(ds) \
	GROUPPLAIN(Y0, (R10), Y4, ds)        \
	GROUPPLAIN(Y1, (R10)(R8*1), Y5, ds)  \
	GROUPPLAIN(Y2, (R10)(R8*2), Y6, ds)  \
	GROUPPLAIN(Y3, (R10)(R9*1), Y7, ds)

#define ALLOFF(ds, t) \
	GROUPOFF(Y0, (R10), Y4, ds, t)         \
	GROUPOFF(Y1, (R10)(R8*1), Y5, ds, t)  \
	GROUPOFF(Y2, (R10)(R8*2), Y6, ds, t)  \
	GROUPOFF(Y3, (R10)(R9*1), Y7, ds, t)

// 32 columns of weights up to 15: eight sums of pairs, at most 8·2·15·127 = 30480, fit 16 bits.
#define DOT4BIT4 \
	FIRST4(0, Y0, Y1, Y2, Y3) \
	NEXT4(4, Y0, Y1, Y2, Y3)  \
	NEXT4(8, Y0, Y1, Y2, Y3)  \
	NEXT4(12, Y0, Y1, Y2, Y3) \
	NEXT4(16, Y0, Y1, Y2, Y3) \
	NEXT4(20, Y0, Y1, Y2, Y3) \
	NEXT4(24, Y0, Y1, Y2, Y3) \
	NEXT4(28, Y0, Y1, Y2, Y3) \
	WIDEN(Y0) \
	WIDEN(Y1) \
	WIDEN(Y2) \
	WIDEN(Y3)

#define DOT4BIT1 \
	FIRST1(0, Y0) \
	NEXT1(4, Y0)  \
	NEXT1(8, Y0)  \
	NEXT1(12, Y0) \
	NEXT1(16, Y0) \
	NEXT1(20, Y0) \
	NEXT1(24, Y0) \
	NEXT1(28, Y0) \
	WIDEN(Y0)

// 32 columns of weights up to 31: four sums of pairs, at most 4·2·31·127 = 31496, fit.
#define DOT5BIT4 \
	FIRST4(0, Y0, Y1, Y2, Y3)     \
	NEXT4(4, Y0, Y1, Y2, Y3)      \
	NEXT4(8, Y0, Y1, Y2, Y3)      \
	NEXT4(12, Y0, Y1, Y2, Y3)     \
	FIRST4(16, Y10, Y11, Y12, Y14) \
	NEXT4(20, Y10, Y11, Y12, Y14) \
	NEXT4(24, Y10, Y11, Y12, Y14) \
	NEXT4(28, Y10, Y11, Y12, Y14) \
	WIDEN4X2

#define DOT5BIT1 \
	FIRST1(0, Y0)   \
	NEXT1(4, Y0)    \
	NEXT1(8, Y0)    \
	NEXT1(12, Y0)   \
	FIRST1(16, Y10) \
	NEXT1(20, Y10)  \
	NEXT1(24, Y10)  \
	NEXT1(28, Y10)  \
	WIDEN2(Y0, Y10)

// 16 columns (from column k) of weights up to 63: two sums of pairs, at most 2·2·63·127 = 32004, fit.
#define DOT6BIT4(k) \
	FIRST4(k, Y0, Y1, Y2, Y3)       \
	NEXT4(k+4, Y0, Y1, Y2, Y3)      \
	FIRST4(k+8, Y10, Y11, Y12, Y14) \
	NEXT4(k+12, Y10, Y11, Y12, Y14) \
	WIDEN4X2

#define DOT6BIT1(k) \
	FIRST1(k, Y0)     \
	NEXT1(k+4, Y0)    \
	FIRST1(k+8, Y10)  \
	NEXT1(k+12, Y10)  \
	WIDEN2(Y0, Y10)

// Signed weights from -128 to 127: |w| times a with w's sign. 2·128·127 = 32512 fits, and a is never -128.
#define SIGNED(s, arow) \
	VPBROADCASTD arow, Y9  \
	VPSIGNB Y8, Y9, Y9     \
	VPMADDUBSW Y9, Y15, Y9 \
	VPMADDWD Y13, Y9, Y9   \
	VPADDD Y9, s, s

#define SIGNED4(k) \
	VMOVDQU (8*(k))(SI), Y8     \
	VPABSB Y8, Y15            \
	SIGNED(Y0, (k)(DI))         \
	SIGNED(Y1, (k)(DI)(R8*1))   \
	SIGNED(Y2, (k)(DI)(R8*2))   \
	SIGNED(Y3, (k)(DI)(R9*1))

#define SIGNED1(k) \
	VMOVDQU (8*(k))(SI), Y8 \
	VPABSB Y8, Y15        \
	SIGNED(Y0, (k)(DI))

#define ZERO4 \
	VPXOR Y0, Y0, Y0 \
	VPXOR Y1, Y1, Y1 \
	VPXOR Y2, Y2, Y2 \
	VPXOR Y3, Y3, Y3

#define DOT8BIT4(k) \
	SIGNED4(k)   \
	SIGNED4(k+4) \
	SIGNED4(k+8) \
	SIGNED4(k+12)

#define DOT8BIT1(k) \
	SIGNED1(k)   \
	SIGNED1(k+4) \
	SIGNED1(k+8) \
	SIGNED1(k+12)

// func tile4Min4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile4Min4AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	DOT4BIT4
	ALLMIN(0, 16)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE4

// func tile4Min1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile4Min1AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	DOT4BIT1
	GROUPMIN(Y0, (R10), Y4, 0, 16)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE1

// func tile4Off4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile4Off4AVX2(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off8<>(SB), Y15
loop:
	DOT4BIT4
	ALLOFF(0, 4)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE4

// func tile4Off1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile4Off1AVX2(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off8<>(SB), Y15
loop:
	DOT4BIT1
	GROUPOFF(Y0, (R10), Y4, 0, 4)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE1

// func tile5Min4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile5Min4AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	DOT5BIT4
	ALLMIN(0, 16)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE4

// func tile5Min1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile5Min1AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	DOT5BIT1
	GROUPMIN(Y0, (R10), Y4, 0, 16)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE1

// func tile5Off4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile5Off4AVX2(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off16<>(SB), Y15
loop:
	DOT5BIT4
	ALLOFF(0, 4)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE4

// func tile5Off1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile5Off1AVX2(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off16<>(SB), Y15
loop:
	DOT5BIT1
	GROUPOFF(Y0, (R10), Y4, 0, 4)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE1

// func tile6Off4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile6Off4AVX2(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off32<>(SB), Y15
loop:
	DOT6BIT4(0)
	ALLOFF(0, 8)
	DOT6BIT4(16)
	ALLOFF(32, 12)
	ADVANCE(64)
	DECQ CX
	JNZ loop
	STORE4

// func tile6Min4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile6Min4AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	DOT6BIT4(0)
	ALLMIN(0, 20)
	DOT6BIT4(16)
	ALLMIN(32, 24)
	ADVANCE(64)
	DECQ CX
	JNZ loop
	STORE4

// func tile6Off1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile6Off1AVX2(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off32<>(SB), Y15
loop:
	DOT6BIT1(0)
	GROUPOFF(Y0, (R10), Y4, 0, 8)
	DOT6BIT1(16)
	GROUPOFF(Y0, (R10), Y4, 32, 12)
	ADVANCE(64)
	DECQ CX
	JNZ loop
	STORE1

// func tile6Min1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile6Min1AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	DOT6BIT1(0)
	GROUPMIN(Y0, (R10), Y4, 0, 20)
	DOT6BIT1(16)
	GROUPMIN(Y0, (R10), Y4, 32, 24)
	ADVANCE(64)
	DECQ CX
	JNZ loop
	STORE1

// func tile8Whole4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile8Whole4AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	ZERO4
	DOT8BIT4(0)
	DOT8BIT4(16)
	ALLPLAIN(0)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE4

// func tile8Whole1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile8Whole1AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	VPXOR Y0, Y0, Y0
	DOT8BIT1(0)
	DOT8BIT1(16)
	GROUPPLAIN(Y0, (R10), Y4, 0)
	ADVANCE(32)
	DECQ CX
	JNZ loop
	STORE1

// func tile8Half4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile8Half4AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	ZERO4
	DOT8BIT4(0)
	ALLPLAIN(0)
	ZERO4
	DOT8BIT4(16)
	ALLPLAIN(32)
	ADVANCE(64)
	DECQ CX
	JNZ loop
	STORE4

// func tile8Half1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile8Half1AVX2(SB), NOSPLIT, $0-64
	ARGS
loop:
	VPXOR Y0, Y0, Y0
	DOT8BIT1(0)
	GROUPPLAIN(Y0, (R10), Y4, 0)
	VPXOR Y0, Y0, Y0
	DOT8BIT1(16)
	GROUPPLAIN(Y0, (R10), Y4, 32)
	ADVANCE(64)
	DECQ CX
	JNZ loop
	STORE1
