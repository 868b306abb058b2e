#include "textflag.h"
#include "direct_amd64.h"

// Products of 8 packed rows of 256-element blocks and one row of activations, AVX2. See the declarations in
// mul_direct_amd64.go.

// Four dwords of 8 rows: rows 0 to 3 in the low halves of Y0 to Y3, 4 to 7 in the high ones.
#define QUAD(o) \
	VMOVUPS o(SI), X0                      \
	VMOVUPS o(SI)(R8*1), X1                \
	VMOVUPS o(SI)(R8*2), X2                \
	VMOVUPS o(SI)(R9*1), X3                \
	VINSERTF128 $1, o(DX), Y0, Y0          \
	VINSERTF128 $1, o(DX)(R8*1), Y1, Y1    \
	VINSERTF128 $1, o(DX)(R8*2), Y2, Y2    \
	VINSERTF128 $1, o(DX)(R9*1), Y3, Y3    \
	VUNPCKLPS Y1, Y0, Y4                   \
	VUNPCKHPS Y1, Y0, Y5                   \
	VUNPCKLPS Y3, Y2, Y6                   \
	VUNPCKHPS Y3, Y2, Y7                   \
	VUNPCKLPD Y6, Y4, Y0                   \
	VUNPCKHPD Y6, Y4, Y1                   \
	VUNPCKLPD Y7, Y5, Y2                   \
	VUNPCKHPD Y7, Y5, Y3

// Two groups of two rows of Q4_K: 32 bytes of nibbles with Y10 Y11 (low) and Y12 Y13 (high).
#define PAIRK(row, row4, next, next4, sum, sum1) \
	VMOVDQU row, X8               \
	VINSERTI128 $1, row4, Y8, Y8  \
	VPSRLW $4, Y8, Y9             \
	VPAND Y14, Y8, Y8             \
	VPAND Y14, Y9, Y9             \
	VPMADDUBSW Y10, Y8, sum       \
	VPMADDUBSW Y12, Y9, sum1      \
	VMOVDQU next, X8              \
	VINSERTI128 $1, next4, Y8, Y8 \
	VPSRLW $4, Y8, Y9             \
	VPAND Y14, Y8, Y8             \
	VPAND Y14, Y9, Y9             \
	VPMADDUBSW Y11, Y8, Y8        \
	VPMADDUBSW Y13, Y9, Y9        \
	VPADDW Y8, sum, sum           \
	VPADDW Y9, sum1, sum1

// A group's 32-bit sums of 8 rows in p0, its 6-bit scales and minima in byte shift/8 of the dwords at s and m: Y15 +=
// d·(da·sum) − minimum·(da·Σa).
#define GROUPK(p0, p1, p2, p3, s, m, shift) \
	VCVTDQ2PS p0, p0                \
	VMOVDQU s, p1                   \
	VMOVDQU m, p2                   \
	VPSRLD $shift, p1, p1           \
	VPSRLD $shift, p2, p2           \
	VPAND bytemask<>(SB), p1, p1    \
	VPAND bytemask<>(SB), p2, p2    \
	VCVTDQ2PS p1, p1                \
	VCVTDQ2PS p2, p2                \
	VMULPS scale-192(SP), p1, p1    \
	VMULPS low-160(SP), p2, p2      \
	VBROADCASTSS (R10), p3          \
	VMULPS p3, p0, p0               \
	VFMADD231PS p1, p0, Y15         \
	VBROADCASTSS 16(R10), p3        \
	VFNMADD231PS p2, p3, Y15        \
	ADDQ $32, R10

// Four sums of pairs of rows to those of 8 rows: SUMS4 and SUMS5 in other registers.
#define JOIN4(p0, p1, p2, p3) \
	VPHADDW p1, p0, p0           \
	VPHADDW p3, p2, p2           \
	VPHADDW p2, p0, p0           \
	VPMADDWD ones<>(SB), p0, p0
#define JOIN5(p0, p1, p2, p3) \
	VPHADDW p1, p0, p0           \
	VPHADDW p3, p2, p2           \
	VPMADDWD ones<>(SB), p0, p0  \
	VPMADDWD ones<>(SB), p2, p2  \
	VPHADDD p2, p0, p0

#define QUARTERK(s, m, shift) \
	VBROADCASTI128 (DI), Y10   \
	VBROADCASTI128 16(DI), Y11 \
	VBROADCASTI128 32(DI), Y12 \
	VBROADCASTI128 48(DI), Y13 \
	PAIRK((SI), (DX), 16(SI), 16(DX), Y0, Y4)                                 \
	PAIRK((SI)(R8*1), (DX)(R8*1), 16(SI)(R8*1), 16(DX)(R8*1), Y1, Y5)         \
	PAIRK((SI)(R8*2), (DX)(R8*2), 16(SI)(R8*2), 16(DX)(R8*2), Y2, Y6)         \
	PAIRK((SI)(R9*1), (DX)(R9*1), 16(SI)(R9*1), 16(DX)(R9*1), Y3, Y7)         \
	JOIN4(Y0, Y1, Y2, Y3)                     \
	GROUPK(Y0, Y1, Y2, Y3, s, m, shift)       \
	JOIN4(Y4, Y5, Y6, Y7)                     \
	GROUPK(Y4, Y5, Y6, Y7, s, m, (shift+8))   \
	ADDQ $32, SI \
	ADDQ $32, DX \
	ADDQ $64, DI

// The head of 8 blocks of Q4_K or Q5_K: d and dmin to scale and low, and the 6-bit scales and minima, a byte for each of four
// groups in a dword: groups 0 to 3, and groups 4 to 7, whose top bits go above nibbles. Y14 is the nibble mask.
#define HEADK \
	QUAD(0)                          \
	VBROADCASTI128 unzip<>(SB), Y4   \
	VPSHUFB Y4, Y0, Y0               \
	VPERMQ $0xd8, Y0, Y0             \
	VEXTRACTI128 $1, Y0, X4          \
	VCVTPH2PS X0, Y0                 \
	VCVTPH2PS X4, Y4                 \
	VMOVUPS Y0, scale-192(SP)        \
	VMOVUPS Y4, low-160(SP)          \
	VPBROADCASTQ bits6<>(SB), Y10    \
	VPBROADCASTQ bits4and5<>(SB), Y11 \
	VPAND Y10, Y1, Y4                \
	VPAND Y10, Y2, Y5                \
	VMOVDQU Y4, s03-128(SP)          \
	VMOVDQU Y5, m03-96(SP)           \
	VPSRLW $2, Y1, Y1                \
	VPSRLW $2, Y2, Y2                \
	VPAND Y11, Y1, Y1                \
	VPAND Y11, Y2, Y2                \
	VPAND Y14, Y3, Y4                \
	VPSRLW $4, Y3, Y5                \
	VPAND Y14, Y5, Y5                \
	VPOR Y1, Y4, Y4                  \
	VPOR Y2, Y5, Y5                  \
	VMOVDQU Y4, s47-64(SP)           \
	VMOVDQU Y5, m47-32(SP)

// 16 bytes of two rows of Q5_K to two registers of weights: nibbles at row, fifth bits at bits, where op0 and op1 shift
// those of the low and high nibbles to bit 4.
#define FIVEK(row, row4, bits, bits4, op0, n0, op1, n1) \
	VMOVDQU row, X8                 \
	VINSERTI128 $1, row4, Y8, Y8    \
	VMOVDQU bits, X14               \
	VINSERTI128 $1, bits4, Y14, Y14 \
	VPSRLW $4, Y8, Y9               \
	VPAND nibbles<>(SB), Y8, Y8     \
	VPAND nibbles<>(SB), Y9, Y9     \
	op0 $n0, Y14, Y15               \
	op1 $n1, Y14, Y14               \
	VPAND sixteens<>(SB), Y15, Y15  \
	VPAND sixteens<>(SB), Y14, Y14  \
	VPOR Y15, Y8, Y8                \
	VPOR Y14, Y9, Y9

#define PAIRK5(row, row4, next, next4, bits, bits4, more, more4, sum, sum1, op0, n0, op1, n1) \
	FIVEK(row, row4, bits, bits4, op0, n0, op1, n1)   \
	VPMADDUBSW Y10, Y8, sum                           \
	VPMADDUBSW Y12, Y9, sum1                          \
	FIVEK(next, next4, more, more4, op0, n0, op1, n1) \
	VPMADDUBSW Y11, Y8, Y8                            \
	VPMADDUBSW Y13, Y9, Y9                            \
	VPADDW Y8, sum, sum                               \
	VPADDW Y9, sum1, sum1

// Quarter p of a block, with SI and DX at its start. The sums so far are on the stack, as the pairs need all registers.
#define QUARTERK5(p, s, m, shift, op0, n0, op1, n1) \
	VBROADCASTI128 (DI), Y10   \
	VBROADCASTI128 16(DI), Y11 \
	VBROADCASTI128 32(DI), Y12 \
	VBROADCASTI128 48(DI), Y13 \
	PAIRK5((48+32*p)(SI), (48+32*p)(DX), (64+32*p)(SI), (64+32*p)(DX), 16(SI), 16(DX), 32(SI), 32(DX), Y0, Y4, op0, n0, op1, n1) \
	PAIRK5((48+32*p)(SI)(R8*1), (48+32*p)(DX)(R8*1), (64+32*p)(SI)(R8*1), (64+32*p)(DX)(R8*1), 16(SI)(R8*1), 16(DX)(R8*1), 32(SI)(R8*1), 32(DX)(R8*1), Y1, Y5, op0, n0, op1, n1) \
	PAIRK5((48+32*p)(SI)(R8*2), (48+32*p)(DX)(R8*2), (64+32*p)(SI)(R8*2), (64+32*p)(DX)(R8*2), 16(SI)(R8*2), 16(DX)(R8*2), 32(SI)(R8*2), 32(DX)(R8*2), Y2, Y6, op0, n0, op1, n1) \
	PAIRK5((48+32*p)(SI)(R9*1), (48+32*p)(DX)(R9*1), (64+32*p)(SI)(R9*1), (64+32*p)(DX)(R9*1), 16(SI)(R9*1), 16(DX)(R9*1), 32(SI)(R9*1), 32(DX)(R9*1), Y3, Y7, op0, n0, op1, n1) \
	VMOVUPS acc-224(SP), Y15                  \
	JOIN5(Y0, Y1, Y2, Y3)                     \
	GROUPK(Y0, Y1, Y2, Y3, s, m, shift)       \
	JOIN5(Y4, Y5, Y6, Y7)                     \
	GROUPK(Y4, Y5, Y6, Y7, s, m, (shift+8))   \
	VMOVUPS Y15, acc-224(SP)                  \
	ADDQ $64, DI

// Sums of products of two rows of Q6_K: the low and high nibbles at row with the bit pairs at bits, which left and right
// shift to bits 4 and 5, times Y10 and Y11. Y13 is the mask of those bits.
#define PAIR6(row, row4, bits, bits4, left, right, sum, sum1) \
	VMOVDQU row, X8                \
	VINSERTI128 $1, row4, Y8, Y8   \
	VMOVDQU bits, X9               \
	VINSERTI128 $1, bits4, Y9, Y9  \
	VPSRLW $4, Y8, Y12             \
	VPSLLW $left, Y9, sum          \
	VPSRLW $right, Y9, Y9          \
	VPAND Y14, Y8, Y8              \
	VPAND Y14, Y12, Y12            \
	VPAND Y13, sum, sum            \
	VPAND Y13, Y9, Y9              \
	VPOR sum, Y8, Y8               \
	VPOR Y9, Y12, Y12              \
	VPMADDUBSW Y10, Y8, sum        \
	VPMADDUBSW Y11, Y12, sum1

// Groups g and g+4 of a half, to their places on the stack: nibbles at q, bit pairs at h. 16-bit sums are at most
// 2·2·63·127 = 32004.
#define GROUPS6(g, q, h, left, right) \
	VBROADCASTI128 (16*(g))(DI), Y10    \
	VBROADCASTI128 (16*(g)+64)(DI), Y11 \
	PAIR6(q(SI), q(DX), h(SI), h(DX), left, right, Y0, Y4)                                 \
	PAIR6(q(SI)(R8*1), q(DX)(R8*1), h(SI)(R8*1), h(DX)(R8*1), left, right, Y1, Y5)         \
	PAIR6(q(SI)(R8*2), q(DX)(R8*2), h(SI)(R8*2), h(DX)(R8*2), left, right, Y2, Y6)         \
	PAIR6(q(SI)(R9*1), q(DX)(R9*1), h(SI)(R9*1), h(DX)(R9*1), left, right, Y3, Y7)         \
	JOIN5(Y0, Y1, Y2, Y3)               \
	JOIN5(Y4, Y5, Y6, Y7)               \
	VMOVDQU Y0, (32*(g))(SP)            \
	VMOVDQU Y4, (32*(g)+128)(SP)

// Group g of a half: its scales are byte 3−up/8 of the dwords at s, and its sum of activations is at t in the meta record.
#define SCALED6(g, s, up, t) \
	VCVTDQ2PS (32*(g))(SP), Y0    \
	VBROADCASTSS t(R10), Y1       \
	VFNMADD231PS Y1, Y6, Y0       \
	VBROADCASTSS (R10), Y1        \
	VMULPS Y1, Y0, Y0             \
	VMOVDQU s, Y2                 \
	VPSLLD $up, Y2, Y2            \
	VPSRAD $24, Y2, Y2            \
	VCVTDQ2PS Y2, Y2              \
	VMULPS Y7, Y2, Y2             \
	VFMADD231PS Y2, Y0, Y15

// 128 columns: nibbles at q, bit pairs at h, scales at s and s1.
#define HALF6(q, h, s, s1) \
	GROUPS6(0, q, h, 4, 0)             \
	GROUPS6(1, (q+16), (h+16), 4, 0)   \
	GROUPS6(2, (q+32), h, 2, 2)        \
	GROUPS6(3, (q+48), (h+16), 2, 2)   \
	VBROADCASTSS off32<>(SB), Y6       \
	VMOVUPS 384(SP), Y7                \
	SCALED6(0, s, 24, 8)   \
	SCALED6(1, s, 16, 12)  \
	ADDQ $32, R10          \
	SCALED6(2, s, 8, 8)    \
	SCALED6(3, s, 0, 12)   \
	ADDQ $32, R10          \
	SCALED6(4, s1, 24, 8)  \
	SCALED6(5, s1, 16, 12) \
	ADDQ $32, R10          \
	SCALED6(6, s1, 8, 8)   \
	SCALED6(7, s1, 0, 12)  \
	ADDQ $32, R10          \
	ADDQ $128, DI

// func directQ4_KAVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ4_KAVX2(SB), NOSPLIT, $192-48
	ARGS(8)
	VPBROADCASTQ nibbles<>(SB), Y14
	VXORPS Y15, Y15, Y15
loop:
	HEADK
	ADDQ $16, SI
	ADDQ $16, DX
	QUARTERK(s03-128(SP), m03-96(SP), 0)
	QUARTERK(s03-128(SP), m03-96(SP), 16)
	QUARTERK(s47-64(SP), m47-32(SP), 0)
	QUARTERK(s47-64(SP), m47-32(SP), 16)
	DECQ CX
	JNZ loop
	VMOVUPS Y15, (AX)
	VZEROUPPER
	RET

// func directQ5_KAVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ5_KAVX2(SB), NOSPLIT, $224-48
	ARGS(8)
	VMOVUPS Y12, acc-224(SP)
loop:
	VMOVDQU nibbles<>(SB), Y14
	HEADK
	QUARTERK5(0, s03-128(SP), m03-96(SP), 0, VPSLLW, 4, VPSLLW, 3)
	QUARTERK5(1, s03-128(SP), m03-96(SP), 16, VPSLLW, 2, VPSLLW, 1)
	QUARTERK5(2, s47-64(SP), m47-32(SP), 0, VPSLLW, 0, VPSRLW, 1)
	QUARTERK5(3, s47-64(SP), m47-32(SP), 16, VPSRLW, 2, VPSRLW, 3)
	ADDQ $176, SI
	ADDQ $176, DX
	DECQ CX
	JNZ loop
	VMOVUPS Y15, (AX)
	VZEROUPPER
	RET

#define AHEAD 630

// The lines o bytes ahead in each of the eight streams.
#define FETCH6(o) \
	PREFETCHT0 o(SI)         \
	PREFETCHT0 o(SI)(R8*1)   \
	PREFETCHT0 o(SI)(R8*2)   \
	PREFETCHT0 o(SI)(R9*1)   \
	PREFETCHT0 o(DX)         \
	PREFETCHT0 o(DX)(R8*1)   \
	PREFETCHT0 o(DX)(R8*2)   \
	PREFETCHT0 o(DX)(R9*1)

// func directQ6_KAVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
// On the stack: integer sums of 8 groups, 128 bytes of scales for 16 groups, 8 floats d.
TEXT ·directQ6_KAVX2(SB), NOSPLIT, $416-48
	ARGS(8)
	VMOVDQU nibbles<>(SB), Y14
	VPBROADCASTQ bits4and5<>(SB), Y13
	VXORPS Y15, Y15, Y15
loop:
	QUAD(192)
	VMOVDQU Y0, 256(SP)
	VMOVDQU Y1, 288(SP)
	VMOVDQU Y2, 320(SP)
	VMOVDQU Y3, 352(SP)
	ADDQ $208, SI
	ADDQ $208, DX
	SCALES
	SUBQ $208, SI
	SUBQ $208, DX
	VMOVUPS Y6, 384(SP)
	FETCH6(AHEAD)
	FETCH6((AHEAD+64))
	HALF6(0, 128, 256(SP), 288(SP))
	FETCH6((AHEAD+128))
	FETCH6((AHEAD+192))
	HALF6(64, 160, 320(SP), 352(SP))
	ADDQ $210, SI
	ADDQ $210, DX
	DECQ CX
	JNZ loop
	VMOVUPS Y15, (AX)
	VZEROUPPER
	RET
