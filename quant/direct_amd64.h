// What the products of 8 packed rows and one row of activations share.
//
// SI rows 0 to 3, R8 bytes apart (R9 = 3·R8), DX rows 4 to 7
// DI activations, R10 meta, CX blocks left, AX result

DATA ones<>+0(SB)/8, $0x0001000100010001
DATA ones<>+8(SB)/8, $0x0001000100010001
DATA ones<>+16(SB)/8, $0x0001000100010001
DATA ones<>+24(SB)/8, $0x0001000100010001
GLOBL ones<>(SB), RODATA|NOPTR, $32
DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibbles<>+8(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibbles<>+16(SB)/8, $0x0f0f0f0f0f0f0f0f
DATA nibbles<>+24(SB)/8, $0x0f0f0f0f0f0f0f0f
GLOBL nibbles<>(SB), RODATA|NOPTR, $32
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
	MOVQ stride+40(FP), R8 \
	LEAQ (R8)(R8*2), R9     \
	LEAQ (SI)(R8*4), DX     \
	SHRQ $shift, CX         \
	VXORPS Y12, Y12, Y12

// The end of a kernel of blocks of 32: to the next ones, or the result.
#define NEXT(size, loop) \
	ADDQ $size, SI    \
	ADDQ $size, DX    \
	ADDQ $32, DI      \
	ADDQ $32, R10     \
	DECQ CX           \
	JNZ  loop         \
	VMOVUPS Y12, (AX) \
	VZEROUPPER        \
	RET

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

