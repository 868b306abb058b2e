#include "textflag.h"
#include "direct_amd64.h"

// Products of 8 packed rows and one row of activations, AVX2. See the declarations in mul_direct_amd64.go.
//
// Where a block's nibbles are 16 bytes, the halves of a register hold those of rows r and r+4, and so a tree of horizontal
// additions ends with the eight rows in order.

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

// Y6, Y7 = the scales and offsets of 8 rows.
#define SCALESMIN \
	VMOVD (SI), X6                   \
	VMOVD (DX), X7                   \
	VPINSRD $1, (SI)(R8*1), X6, X6   \
	VPINSRD $1, (DX)(R8*1), X7, X7   \
	VPINSRD $2, (SI)(R8*2), X6, X6   \
	VPINSRD $2, (DX)(R8*2), X7, X7   \
	VPINSRD $3, (SI)(R9*1), X6, X6   \
	VPINSRD $3, (DX)(R9*1), X7, X7   \
	VPSHUFB unzip<>(SB), X6, X6      \
	VPSHUFB unzip<>(SB), X7, X7      \
	VPUNPCKHQDQ X7, X6, X8           \
	VPUNPCKLQDQ X7, X6, X6           \
	VCVTPH2PS X8, Y7                 \
	VCVTPH2PS X6, Y6

// Y12 += dw·(da·sum)
#define PRODUCT \
	VBROADCASTSS (R10), Y8    \
	VMULPS Y8, Y0, Y0         \
	VFMADD231PS Y6, Y0, Y12

// Y12 += mw·(da·Σa)
#define MINIMUM \
	VBROADCASTSS 16(R10), Y9  \
	VFMADD231PS Y9, Y7, Y12

// sum -= offset · Σa, exact
#define UNBIAS(off) \
	VCVTDQ2PS Y0, Y0           \
	VBROADCASTSS 4(R10), Y8    \
	VBROADCASTSS off<>(SB), Y9 \
	VFNMADD231PS Y8, Y9, Y0

// func directQ4_0AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
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
	NEXT(18, loop)

// func directQ4_1AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ4_1AVX2(SB), NOSPLIT, $0-48
	ARGS(5)
	VPBROADCASTQ nibbles<>(SB), Y14
	VMOVDQU ones<>(SB), Y15
loop:
	ACTIVATIONS
	ROWS4(4)
	SUMS4
	SCALESMIN
	VCVTDQ2PS Y0, Y0
	PRODUCT
	MINIMUM
	NEXT(20, loop)

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

// Offsets of the nibbles and of the fifth bits.
#define ROWS5(o, h) \
	VBROADCASTI128 spread<>+0(SB), Y8                                       \
	VBROADCASTI128 spread<>+16(SB), Y9                                      \
	PAIR5(o(SI), o(DX), h(SI), h(DX), Y0)                                   \
	PAIR5(o(SI)(R8*1), o(DX)(R8*1), h(SI)(R8*1), h(DX)(R8*1), Y1)           \
	PAIR5(o(SI)(R8*2), o(DX)(R8*2), h(SI)(R8*2), h(DX)(R8*2), Y2)           \
	PAIR5(o(SI)(R9*1), o(DX)(R9*1), h(SI)(R9*1), h(DX)(R9*1), Y3)

// func directQ5_0AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ5_0AVX2(SB), NOSPLIT, $0-48
	ARGS(5)
	VPBROADCASTQ nibbles<>(SB), Y14
	VPBROADCASTQ bitOf<>(SB), Y13
	VMOVDQU ones<>(SB), Y15
loop:
	ACTIVATIONS
	ROWS5(6, 2)
	SUMS5
	SCALES
	UNBIAS(off16)
	PRODUCT
	NEXT(22, loop)

// func directQ5_1AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ5_1AVX2(SB), NOSPLIT, $0-48
	ARGS(5)
	VPBROADCASTQ nibbles<>(SB), Y14
	VPBROADCASTQ bitOf<>(SB), Y13
	VMOVDQU ones<>(SB), Y15
loop:
	ACTIVATIONS
	ROWS5(8, 4)
	SUMS5
	SCALESMIN
	VCVTDQ2PS Y0, Y0
	PRODUCT
	MINIMUM
	NEXT(24, loop)

// Eight 32-bit sums of a row of Q8_0: |w| times a with w's sign; 2·128·127 fits 16 bits.
#define ROW8(row, sum) \
	VMOVDQU row, Y4         \
	VPABSB Y4, Y5           \
	VPSIGNB Y4, Y10, Y4     \
	VPMADDUBSW Y4, Y5, Y4   \
	VPMADDWD Y15, Y4, sum

// func directQ8_0AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
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
	NEXT(34, loop)

// Sums of products of two rows of IQ4_NL, whose values are the table Y13's: as ROW8, the low nibbles' and the high ones'.
#define PAIRNL(row, row4, sum) \
	VMOVDQU row, X4              \
	VINSERTI128 $1, row4, Y4, Y4 \
	VPSRLW $4, Y4, Y5            \
	VPAND Y14, Y4, Y4            \
	VPAND Y14, Y5, Y5            \
	VPSHUFB Y4, Y13, Y4          \
	VPSHUFB Y5, Y13, Y5          \
	VPABSB Y4, Y6                \
	VPABSB Y5, Y7                \
	VPSIGNB Y4, Y10, Y4          \
	VPSIGNB Y5, Y11, Y5          \
	VPMADDUBSW Y4, Y6, Y4        \
	VPMADDUBSW Y5, Y7, Y5        \
	VPMADDWD Y15, Y4, Y4         \
	VPMADDWD Y15, Y5, Y5         \
	VPADDD Y5, Y4, sum

// func directIQ4_NLAVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directIQ4_NLAVX2(SB), NOSPLIT, $0-48
	ARGS(5)
	VPBROADCASTQ nibbles<>(SB), Y14
	VMOVDQU ones<>(SB), Y15
	VBROADCASTI128 ·tableIQ4_NL(SB), Y13
loop:
	ACTIVATIONS
	PAIRNL(2(SI), 2(DX), Y0)
	PAIRNL(2(SI)(R8*1), 2(DX)(R8*1), Y1)
	PAIRNL(2(SI)(R8*2), 2(DX)(R8*2), Y2)
	PAIRNL(2(SI)(R9*1), 2(DX)(R9*1), Y3)
	VPHADDD Y1, Y0, Y0
	VPHADDD Y3, Y2, Y2
	VPHADDD Y2, Y0, Y0
	SCALES
	VCVTDQ2PS Y0, Y0
	PRODUCT
	NEXT(18, loop)
