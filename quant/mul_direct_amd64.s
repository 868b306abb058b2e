#include "textflag.h"

// Products of 8 packed rows and one row of activations, AVX2. See the declarations in mul_direct_amd64.go.
//
// SI rows 0 to 3, R8 bytes apart (R9 = 3·R8), DX rows 4 to 7
// DI activations, R10 meta, CX blocks left, AX result
//
// Where a block's nibbles are 16 bytes, the halves of a register hold those of rows r and r+4, and so a tree of horizontal
// additions ends with the eight rows in order.

DATA ones<>+0(SB)/8, $0x0001000100010001
DATA ones<>+8(SB)/8, $0x0001000100010001
DATA ones<>+16(SB)/8, $0x0001000100010001
DATA ones<>+24(SB)/8, $0x0001000100010001
GLOBL ones<>(SB), RODATA|NOPTR, $32
DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibbles<>(SB), RODATA|NOPTR, $8
DATA sixteens<>+0(SB)/8, $0x1010101010101010
DATA sixteens<>+8(SB)/8, $0x1010101010101010
DATA sixteens<>+16(SB)/8, $0x1010101010101010
DATA sixteens<>+24(SB)/8, $0x1010101010101010
GLOBL sixteens<>(SB), RODATA|NOPTR, $32
DATA bytemask<>+0(SB)/8, $0x000000ff000000ff
DATA bytemask<>+8(SB)/8, $0x000000ff000000ff
DATA bytemask<>+16(SB)/8, $0x000000ff000000ff
DATA bytemask<>+24(SB)/8, $0x000000ff000000ff
GLOBL bytemask<>(SB), RODATA|NOPTR, $32
DATA bits6<>+0(SB)/8, $0x3f3f3f3f3f3f3f3f
GLOBL bits6<>(SB), RODATA|NOPTR, $8
DATA bits4and5<>+0(SB)/8, $0x3030303030303030
GLOBL bits4and5<>(SB), RODATA|NOPTR, $8
DATA off8<>+0(SB)/4, $0x41000000 // 8
GLOBL off8<>(SB), RODATA|NOPTR, $4
DATA off16<>+0(SB)/4, $0x41800000 // 16
GLOBL off16<>(SB), RODATA|NOPTR, $4
DATA off32<>+0(SB)/4, $0x42000000 // 32
GLOBL off32<>(SB), RODATA|NOPTR, $4
// Pairs of halves to four first ones, then four second ones.
DATA unzip<>+0(SB)/8, $0x0d0c090805040100
DATA unzip<>+8(SB)/8, $0x0f0e0b0a07060302
GLOBL unzip<>(SB), RODATA|NOPTR, $16
// Bytes 0 and 1, and bytes 2 and 3, of a mask to the eight lanes of their bits.
DATA spread<>+0(SB)/8, $0x0000000000000000
DATA spread<>+8(SB)/8, $0x0101010101010101
DATA spread<>+16(SB)/8, $0x0202020202020202
DATA spread<>+24(SB)/8, $0x0303030303030303
GLOBL spread<>(SB), RODATA|NOPTR, $32
DATA bitOf<>+0(SB)/8, $0x8040201008040201
GLOBL bitOf<>(SB), RODATA|NOPTR, $8

#define ARGS(shift) \
	MOVQ y+0(FP), AX        \
	MOVQ a+8(FP), DI        \
	MOVQ cols+16(FP), CX    \
	MOVQ meta+24(FP), R10   \
	MOVQ w+32(FP), SI       \
	MOVQ rowBytes+40(FP), R8 \
	LEAQ (R8)(R8*2), R9     \
	LEAQ (SI)(R8*4), DX     \
	SHRQ $shift, CX         \
	VXORPS Y12, Y12, Y12

#define ADVANCE(size) \
	ADDQ $size, SI \
	ADDQ $size, DX \
	ADDQ $32, DI   \
	ADDQ $16, R10

#define ACTIVATIONS \
	VBROADCASTI128 (DI), Y10   \
	VBROADCASTI128 16(DI), Y11

// Sums of products of two rows: low nibbles with Y10, high ones with Y11.
#define PAIR4(row, row4, sum) \
	VMOVDQU row, X4             \
	VINSERTI128 $1, row4, Y4, Y4 \
	VPSRLW $4, Y4, Y5           \
	VPAND Y14, Y4, Y4           \
	VPAND Y14, Y5, Y5           \
	VPMADDUBSW Y10, Y4, Y4      \
	VPMADDUBSW Y11, Y5, Y5      \
	VPADDW Y5, Y4, sum

#define ROWS4(o) \
	PAIR4(o(SI), o(DX), Y0)               \
	PAIR4(o(SI)(R8*1), o(DX)(R8*1), Y1)   \
	PAIR4(o(SI)(R8*2), o(DX)(R8*2), Y2)   \
	PAIR4(o(SI)(R9*1), o(DX)(R9*1), Y3)

// Y0-Y3, sums of pairs of pairs at most 8·15·127·2, to the eight rows' sums in 32 bits.
#define SUMS4 \
	VPHADDW Y1, Y0, Y0  \
	VPHADDW Y3, Y2, Y2  \
	VPHADDW Y2, Y0, Y0  \
	VPMADDWD Y15, Y0, Y0

// The same where 16 bits hold only two more additions.
#define SUMS5 \
	VPHADDW Y1, Y0, Y0   \
	VPHADDW Y3, Y2, Y2   \
	VPMADDWD Y15, Y0, Y0 \
	VPMADDWD Y15, Y2, Y2 \
	VPHADDD Y2, Y0, Y0

// Y6 = the scales of 8 rows.
#define SCALES \
	VPBROADCASTW (SI), X6            \
	VPBROADCASTW (DX), X7            \
	VPINSRW $1, (SI)(R8*1), X6, X6   \
	VPINSRW $1, (DX)(R8*1), X7, X7   \
	VPINSRW $2, (SI)(R8*2), X6, X6   \
	VPINSRW $2, (DX)(R8*2), X7, X7   \
	VPINSRW $3, (SI)(R9*1), X6, X6   \
	VPINSRW $3, (DX)(R9*1), X7, X7   \
	VPUNPCKLQDQ X7, X6, X6           \
	VCVTPH2PS X6, Y6

// Y6, Y7 = the scales and offsets of 8 rows. Y13 is unzip.
#define SCALESMIN \
	VMOVD (SI), X6                   \
	VMOVD (DX), X7                   \
	VPINSRD $1, (SI)(R8*1), X6, X6   \
	VPINSRD $1, (DX)(R8*1), X7, X7   \
	VPINSRD $2, (SI)(R8*2), X6, X6   \
	VPINSRD $2, (DX)(R8*2), X7, X7   \
	VPINSRD $3, (SI)(R9*1), X6, X6   \
	VPINSRD $3, (DX)(R9*1), X7, X7   \
	VPSHUFB X13, X6, X6              \
	VPSHUFB X13, X7, X7              \
	VPUNPCKHQDQ X7, X6, X8           \
	VPUNPCKLQDQ X7, X6, X6           \
	VCVTPH2PS X8, Y7                 \
	VCVTPH2PS X6, Y6

// Y12 += (dw·da)·sum, leaving da in Y8.
#define PRODUCT \
	VBROADCASTSS (R10), Y8  \
	VMULPS Y8, Y6, Y6       \
	VMULPS Y6, Y0, Y0       \
	VADDPS Y0, Y12, Y12

// Y12 += (mw·da)·Σa
#define MINIMUM \
	VMULPS Y8, Y7, Y7        \
	VBROADCASTSS 4(R10), Y9  \
	VMULPS Y9, Y7, Y7        \
	VADDPS Y7, Y12, Y12

// sum -= offset · Σa, exact
#define UNBIAS(off) \
	VCVTDQ2PS Y0, Y0           \
	VBROADCASTSS 4(R10), Y8    \
	VBROADCASTSS off<>(SB), Y9 \
	VFNMADD231PS Y8, Y9, Y0

// func directQ4_0AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, rowBytes int)
TEXT ·directQ4_0AVX2(SB), NOSPLIT, $0-48
	ARGS(5)
	VPBROADCASTQ nibbles<>(SB), Y14
	VMOVDQU ones<>(SB), Y15
loop:
	ACTIVATIONS
	ROWS4(2)
	SUMS4
	SCALES
	UNBIAS(off8)
	PRODUCT
	ADVANCE(18)
	DECQ CX
	JNZ loop
	VMOVUPS Y12, (AX)
	VZEROUPPER
	RET

// func directQ4_1AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, rowBytes int)
TEXT ·directQ4_1AVX2(SB), NOSPLIT, $0-48
	ARGS(5)
	VPBROADCASTQ nibbles<>(SB), Y14
	VMOVDQU ones<>(SB), Y15
	VMOVDQU unzip<>(SB), X13
loop:
	ACTIVATIONS
	ROWS4(4)
	SUMS4
	SCALESMIN
	VCVTDQ2PS Y0, Y0
	PRODUCT
	MINIMUM
	ADVANCE(20)
	DECQ CX
	JNZ loop
	VMOVUPS Y12, (AX)
	VZEROUPPER
	RET

// Adds 16 to the nibbles in Y4 and Y5 of rows r and r+4 where their masks have a bit.
#define FIFTH(lanes, nibbles) \
	VPSHUFB lanes, Y6, Y7                 \
	VPAND Y13, Y7, Y7                     \
	VPCMPEQB Y13, Y7, Y7                  \
	VPAND sixteens<>(SB), Y7, Y7          \
	VPOR Y7, nibbles, nibbles

#define PAIR5(row, row4, bits, bits4, sum) \
	VMOVDQU row, X4              \
	VINSERTI128 $1, row4, Y4, Y4 \
	VPBROADCASTD bits, X6        \
	VPBROADCASTD bits4, Y7       \
	VPBLENDD $0xf0, Y7, Y6, Y6   \
	VPSRLW $4, Y4, Y5            \
	VPAND Y14, Y4, Y4            \
	VPAND Y14, Y5, Y5            \
	FIFTH(Y8, Y4)                \
	FIFTH(Y9, Y5)                \
	VPMADDUBSW Y10, Y4, Y4       \
	VPMADDUBSW Y11, Y5, Y5       \
	VPADDW Y5, Y4, sum

// func directQ5_0AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, rowBytes int)
TEXT ·directQ5_0AVX2(SB), NOSPLIT, $0-48
	ARGS(5)
	VPBROADCASTQ nibbles<>(SB), Y14
	VPBROADCASTQ bitOf<>(SB), Y13
	VMOVDQU ones<>(SB), Y15
loop:
	ACTIVATIONS
	VBROADCASTI128 spread<>+0(SB), Y8
	VBROADCASTI128 spread<>+16(SB), Y9
	PAIR5(6(SI), 6(DX), 2(SI), 2(DX), Y0)
	PAIR5(6(SI)(R8*1), 6(DX)(R8*1), 2(SI)(R8*1), 2(DX)(R8*1), Y1)
	PAIR5(6(SI)(R8*2), 6(DX)(R8*2), 2(SI)(R8*2), 2(DX)(R8*2), Y2)
	PAIR5(6(SI)(R9*1), 6(DX)(R9*1), 2(SI)(R9*1), 2(DX)(R9*1), Y3)
	SUMS5
	SCALES
	UNBIAS(off16)
	PRODUCT
	ADVANCE(22)
	DECQ CX
	JNZ loop
	VMOVUPS Y12, (AX)
	VZEROUPPER
	RET

// Eight 32-bit sums of a row of Q8_0: |w| times a with w's sign; 2·128·127 fits 16 bits.
#define ROW8(row, sum) \
	VMOVDQU row, Y4         \
	VPABSB Y4, Y5           \
	VPSIGNB Y4, Y10, Y4     \
	VPMADDUBSW Y4, Y5, Y4   \
	VPMADDWD Y15, Y4, sum

// func directQ8_0AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, rowBytes int)
TEXT ·directQ8_0AVX2(SB), NOSPLIT, $0-48
	ARGS(5)
	VMOVDQU ones<>(SB), Y15
loop:
	VMOVDQU (DI), Y10
	ROW8(2(SI), Y0)
	ROW8(2(SI)(R8*1), Y1)
	ROW8(2(SI)(R8*2), Y2)
	ROW8(2(SI)(R9*1), Y3)
	VPHADDD Y1, Y0, Y0
	VPHADDD Y3, Y2, Y2
	VPHADDD Y2, Y0, Y0
	ROW8(2(DX), Y6)
	ROW8(2(DX)(R8*1), Y7)
	ROW8(2(DX)(R8*2), Y8)
	ROW8(2(DX)(R9*1), Y9)
	VPHADDD Y7, Y6, Y6
	VPHADDD Y9, Y8, Y8
	VPHADDD Y8, Y6, Y6
	VPBLENDD $0xf0, Y6, Y0, Y1
	VPERM2I128 $0x21, Y6, Y0, Y0
	VPADDD Y1, Y0, Y0
	SCALES
	VCVTDQ2PS Y0, Y0
	PRODUCT
	ADVANCE(34)
	DECQ CX
	JNZ loop
	VMOVUPS Y12, (AX)
	VZEROUPPER
	RET

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

// The offset is minus the minimum, so that is subtracted.
// One group of Q4_K: p0-p3 as in SUMS4, its 6-bit scales and minima in byte shift/8 of the dwords at s(SP) and m(SP).
#define GROUPK(p0, p1, p2, p3, s, m, shift) \
	VPHADDW p1, p0, p0              \
	VPHADDW p3, p2, p2              \
	VPHADDW p2, p0, p0              \
	VPMADDWD ones<>(SB), p0, p0     \
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
	VMULPS p3, p1, p1               \
	VMULPS p3, p2, p2               \
	VMULPS p1, p0, p0               \
	VADDPS p0, Y15, Y15             \
	VBROADCASTSS 4(R10), p3         \
	VMULPS p3, p2, p2               \
	VSUBPS p2, Y15, Y15             \
	ADDQ $16, R10

#define QUARTERK(s, m, shift) \
	VBROADCASTI128 (DI), Y10   \
	VBROADCASTI128 16(DI), Y11 \
	VBROADCASTI128 32(DI), Y12 \
	VBROADCASTI128 48(DI), Y13 \
	PAIRK((SI), (DX), 16(SI), 16(DX), Y0, Y4)                                 \
	PAIRK((SI)(R8*1), (DX)(R8*1), 16(SI)(R8*1), 16(DX)(R8*1), Y1, Y5)         \
	PAIRK((SI)(R8*2), (DX)(R8*2), 16(SI)(R8*2), 16(DX)(R8*2), Y2, Y6)         \
	PAIRK((SI)(R9*1), (DX)(R9*1), 16(SI)(R9*1), 16(DX)(R9*1), Y3, Y7)         \
	GROUPK(Y0, Y1, Y2, Y3, s, m, shift)       \
	GROUPK(Y4, Y5, Y6, Y7, s, m, (shift+8))   \
	ADDQ $32, SI \
	ADDQ $32, DX \
	ADDQ $64, DI

// func directQ4_KAVX2(y *float32, a *int8, cols int, meta *float32, w *byte, rowBytes int)
TEXT ·directQ4_KAVX2(SB), NOSPLIT, $192-48
	ARGS(8)
	VPBROADCASTQ nibbles<>(SB), Y14
	VXORPS Y15, Y15, Y15
loop:
	QUAD(0)
	// Y0: halves d and dmin
	VBROADCASTI128 unzip<>(SB), Y4
	VPSHUFB Y4, Y0, Y0
	VPERMQ $0xd8, Y0, Y0
	VEXTRACTI128 $1, Y0, X4
	VCVTPH2PS X0, Y0
	VCVTPH2PS X4, Y4
	VMOVUPS Y0, scale-192(SP)
	VMOVUPS Y4, low-160(SP)
	// Y1, Y2: 6 bits of groups 0 to 3 each; their top bits go above the nibbles in Y3 for groups 4 to 7.
	VPBROADCASTQ bits6<>(SB), Y10
	VPBROADCASTQ bits4and5<>(SB), Y11
	VPAND Y10, Y1, Y4
	VPAND Y10, Y2, Y5
	VMOVDQU Y4, s03-128(SP)
	VMOVDQU Y5, m03-96(SP)
	VPSRLW $2, Y1, Y1
	VPSRLW $2, Y2, Y2
	VPAND Y11, Y1, Y1
	VPAND Y11, Y2, Y2
	VPAND Y14, Y3, Y4
	VPSRLW $4, Y3, Y5
	VPAND Y14, Y5, Y5
	VPOR Y1, Y4, Y4
	VPOR Y2, Y5, Y5
	VMOVDQU Y4, s47-64(SP)
	VMOVDQU Y5, m47-32(SP)
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
