// Tile kernels: 8 weight rows times 4 or 1 rows of activations with VPDPBUSD on 256 bits. What includes this defines
// DP(numbers of the registers of activations, weights and sum, their names). See the declarations in mul_avx2vnni_amd64.go.
//
// SI tile, 32 bytes (8 rows × 4 columns) a step, 256 a block of 32 columns
// DI activations of row 0; rows are R8 bytes apart, R9 = 3·R8
// R10 meta of row 0; its rows are R8 bytes apart, too
// R13 scales and DX offsets, 8 rows a group
// AX result, rows BX bytes apart; CX blocks left
//
// Y0-Y3 integer sums of the activation rows, Y4-Y7 their results so far, Y8 weights, Y9-Y12 activations, Y14 the sign bits of
// bytes, Y15 what the code has to subtract to get signed weights.

DATA off8<>+0(SB)/4, $0x41000000 // 8
GLOBL off8<>(SB), RODATA|NOPTR, $4
DATA off16<>+0(SB)/4, $0x41800000 // 16
GLOBL off16<>(SB), RODATA|NOPTR, $4
DATA off32<>+0(SB)/4, $0x42000000 // 32
GLOBL off32<>(SB), RODATA|NOPTR, $4
DATA off128<>+0(SB)/4, $0x43000000 // 128
GLOBL off128<>(SB), RODATA|NOPTR, $4
DATA signBits<>+0(SB)/4, $0x80808080
GLOBL signBits<>(SB), RODATA|NOPTR, $4

#define ARGS \
	MOVQ y+0(FP), AX       \
	MOVQ stride+8(FP), BX  \
	MOVQ a+16(FP), DI      \
	MOVQ cols+24(FP), R8   \
	MOVQ meta+32(FP), R10  \
	MOVQ w+40(FP), SI      \
	MOVQ d+48(FP), R13     \
	MOVQ m+56(FP), DX      \
	SHLQ $2, BX            \
	LEAQ (R8)(R8*2), R9    \
	MOVQ R8, CX            \
	SHRQ $5, CX            \
	VPBROADCASTD signBits<>(SB), Y14 \
	VXORPS Y4, Y4, Y4      \
	VXORPS Y5, Y5, Y5      \
	VXORPS Y6, Y6, Y6      \
	VXORPS Y7, Y7, Y7

#define ADVANCE(scales) \
	ADDQ $256, SI     \
	ADDQ $32, DI      \
	ADDQ $32, R10     \
	ADDQ $scales, R13 \
	ADDQ $scales, DX  \
	DECQ CX

#define ZERO1 VPXOR Y0, Y0, Y0
#define ZERO4 \
	ZERO1            \
	VPXOR Y1, Y1, Y1 \
	VPXOR Y2, Y2, Y2 \
	VPXOR Y3, Y3, Y3

// Four columns, from k, of the weights in Y8 times the activations.
#define DOT1(k) \
	VPBROADCASTD (k)(DI), Y9  \
	DP(9, 8, 0, Y9, Y8, Y0)
#define DOT4(k) \
	DOT1(k)                          \
	VPBROADCASTD (k)(DI)(R8*1), Y10  \
	DP(10, 8, 1, Y10, Y8, Y1)        \
	VPBROADCASTD (k)(DI)(R8*2), Y11  \
	DP(11, 8, 2, Y11, Y8, Y2)        \
	VPBROADCASTD (k)(DI)(R9*1), Y12  \
	DP(12, 8, 3, Y12, Y8, Y3)

#define STEP(dot, k) \
	VMOVDQU (8*(k))(SI), Y8 \
	dot(k)
#define STEPSIGNED(dot, k) \
	VPXOR (8*(k))(SI), Y14, Y8 \
	dot(k)

// 16 columns from k.
#define HALF(step, dot, k) \
	step(dot, k)   \
	step(dot, k+4) \
	step(dot, k+8) \
	step(dot, k+12)

// The ends of a group, its scales ds bytes on: acc += d·(da·sum), with the offset · Σa (at t in the meta record) off the sum
// before (OFF), or the minimum · (da·Σa) (at u) added after (MIN). The subtraction is exact: all are integers below 2^24.
#define MIN(rec, sum, acc, ds, t, u) \
	VCVTDQ2PS sum, sum           \
	VBROADCASTSS 0 rec, Y9       \
	VMULPS Y9, sum, sum          \
	VFMADD231PS ds(R13), sum, acc \
	VBROADCASTSS u rec, Y9       \
	VFMADD231PS ds(DX), Y9, acc
#define OFF(rec, sum, acc, ds, t, u) \
	VCVTDQ2PS sum, sum           \
	VBROADCASTSS t rec, Y9       \
	VFNMADD231PS Y9, Y15, sum    \
	VBROADCASTSS 0 rec, Y9       \
	VMULPS Y9, sum, sum          \
	VFMADD231PS ds(R13), sum, acc

#define END1(op, ds, t, u) op((R10), Y0, Y4, ds, t, u)
#define END4(op, ds, t, u) \
	END1(op, ds, t, u)                   \
	op((R10)(R8*1), Y1, Y5, ds, t, u)    \
	op((R10)(R8*2), Y2, Y6, ds, t, u)    \
	op((R10)(R9*1), Y3, Y7, ds, t, u)

#define STORE1 \
	VMOVUPS Y4, (AX) \
	VZEROUPPER       \
	RET
#define STORE4 \
	VMOVUPS Y4, (AX)       \
	VMOVUPS Y5, (AX)(BX*1) \
	VMOVUPS Y6, (AX)(BX*2) \
	LEAQ (BX)(BX*2), BX    \
	VMOVUPS Y7, (AX)(BX*1) \
	VZEROUPPER             \
	RET

// Groups of 32.
#define WHOLES(zero, dot, end, store, step, op) \
loop:                  \
	zero               \
	HALF(step, dot, 0)  \
	HALF(step, dot, 16) \
	end(op, 0, 4, 16)  \
	ADVANCE(32)        \
	JNZ loop           \
	store

// Groups of 16.
#define HALVES(zero, dot, end, store, step, op) \
loop:                   \
	zero                \
	HALF(step, dot, 0)   \
	end(op, 0, 8, 20)   \
	zero                \
	HALF(step, dot, 16)  \
	end(op, 32, 12, 24) \
	ADVANCE(64)         \
	JNZ loop            \
	store

#define FOUR(groups, step, op) groups(ZERO4, DOT4, END4, STORE4, step, op)
#define ONE(groups, step, op) groups(ZERO1, DOT1, END1, STORE1, step, op)
