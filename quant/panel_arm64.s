#include "textflag.h"
#include "neon_arm64.h"

// Unpacking of weight rows and interleaving of panels. See the declarations in panel_arm64.go.
//
// R0 integers, R1 scales, R2 offsets, R3 packed blocks, R4 blocks left. V30 is the nibble mask.

// Which byte of a 32-bit mask goes to which lane, where one bit each is tested.
DATA spread<>+0(SB)/8, $0x0000000000000000
DATA spread<>+8(SB)/8, $0x0101010101010101
DATA spread<>+16(SB)/8, $0x0202020202020202
DATA spread<>+24(SB)/8, $0x0303030303030303
GLOBL spread<>(SB), RODATA|NOPTR, $32

#define UNPACKARGS \
	MOVD q+0(FP), R0   \
	MOVD d+8(FP), R1   \
	MOVD m+16(FP), R2  \
	MOVD src+24(FP), R3 \
	MOVD blocks+32(FP), R4 \
	VMOVI $15, V30.B16

// V0, V1 = low and high nibbles of 16 bytes.
#define NIBBLES \
	VLD1.P 16(R3), [V0.B16]      \
	VUSHR $4, V0.B16, V1.B16     \
	VAND V30.B16, V0.B16, V0.B16

#define FIFTHMASKS \
	MOVD $spread<>(SB), R5          \
	VLD1 (R5), [V28.B16, V29.B16]   \
	MOVD $0x8040201008040201, R5    \
	VDUP R5, V31.D2                 \
	VMOVI $16, V27.B16

// Adds 16 to the nibbles in V0 and V1 where the 32-bit mask in V4 has a bit.
#define FIFTH \
	VTBL V28.B16, [V4.B16], V5.B16  \
	VTBL V29.B16, [V4.B16], V6.B16  \
	VCMTST V31.B16, V5.B16, V5.B16  \
	VCMTST V31.B16, V6.B16, V6.B16  \
	VAND V27.B16, V5.B16, V5.B16    \
	VAND V27.B16, V6.B16, V6.B16    \
	VORR V5.B16, V0.B16, V0.B16     \
	VORR V6.B16, V1.B16, V1.B16

#define SCALE1 \
	VLD1R.P 2(R3), [V2.H8] \
	FCVTL(3, 2)            \
	VST1.P V3.S[0], 4(R1)

#define SCALE2 \
	VLD1R.P 4(R3), [V2.S4] \
	FCVTL(3, 2)            \
	VST1.P V3.S[0], 4(R1)  \
	VST1.P V3.S[1], 4(R2)

#define NEXTBLOCK \
	SUBS $1, R4, R4 \
	BNE loop        \
	RET

// func unpackQ4_0NEON(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ4_0NEON(SB), NOSPLIT, $0-40
	UNPACKARGS
	VMOVI $8, V29.B16
loop:
	SCALE1
	NIBBLES
	VSUB V29.B16, V0.B16, V0.B16
	VSUB V29.B16, V1.B16, V1.B16
	VST1.P [V0.B16, V1.B16], 32(R0)
	NEXTBLOCK

// func unpackQ4_1NEON(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ4_1NEON(SB), NOSPLIT, $0-40
	UNPACKARGS
loop:
	SCALE2
	NIBBLES
	VST1.P [V0.B16, V1.B16], 32(R0)
	NEXTBLOCK

// func unpackQ5_0NEON(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ5_0NEON(SB), NOSPLIT, $0-40
	UNPACKARGS
	FIFTHMASKS
loop:
	SCALE1
	VLD1R.P 4(R3), [V4.S4]
	NIBBLES
	FIFTH
	VSUB V27.B16, V0.B16, V0.B16
	VSUB V27.B16, V1.B16, V1.B16
	VST1.P [V0.B16, V1.B16], 32(R0)
	NEXTBLOCK

// func unpackQ5_1NEON(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ5_1NEON(SB), NOSPLIT, $0-40
	UNPACKARGS
	FIFTHMASKS
loop:
	SCALE2
	VLD1R.P 4(R3), [V4.S4]
	NIBBLES
	FIFTH
	VST1.P [V0.B16, V1.B16], 32(R0)
	NEXTBLOCK

DATA iq4nl<>+0(SB)/8, $0xf6eaddcfbfad9881
DATA iq4nl<>+8(SB)/8, $0x7159453526190d01
GLOBL iq4nl<>(SB), RODATA|NOPTR, $16

// func unpackIQ4_NLNEON(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackIQ4_NLNEON(SB), NOSPLIT, $0-40
	UNPACKARGS
	MOVD $iq4nl<>(SB), R5
	VLD1 (R5), [V29.B16]
loop:
	SCALE1
	NIBBLES
	VTBL V0.B16, [V29.B16], V0.B16
	VTBL V1.B16, [V29.B16], V1.B16
	VST1.P [V0.B16, V1.B16], 32(R0)
	NEXTBLOCK

// func unpackQ8_0NEON(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ8_0NEON(SB), NOSPLIT, $0-40
	UNPACKARGS
loop:
	SCALE1
	VLD1.P 32(R3), [V0.B16, V1.B16]
	VST1.P [V0.B16, V1.B16], 32(R0)
	NEXTBLOCK

// The head of a Q4_K or Q5_K block into 8 scales and 8 negated minima. Bytes j and j+4 hold 6 bits of groups 0 to 3; their
// top bit pairs go above the nibbles of bytes 8 to 11 for groups 4 to 7.
#define SCALESK \
	VLD1.P 4(R3), V2.S[0]       \
	FCVTL(3, 2)                 \
	MOVWU.P 4(R3), R5           \
	MOVWU.P 4(R3), R6           \
	MOVWU.P 4(R3), R7           \
	LSR $4, R7, R8              \
	AND $0x0f0f0f0f, R7, R7     \
	AND $0x0f0f0f0f, R8, R8     \
	LSR $2, R5, R9              \
	AND $0x30303030, R9, R9     \
	ORR R9, R7, R7              \
	LSR $2, R6, R9              \
	AND $0x30303030, R9, R9     \
	ORR R9, R8, R8              \
	AND $0x3f3f3f3f, R5, R5     \
	AND $0x3f3f3f3f, R6, R6     \
	ORR R7<<32, R5, R5          \
	ORR R8<<32, R6, R6          \
	VMOV R5, V4.D[0]            \
	VMOV R6, V5.D[0]            \
	SXTL8H(4, 4)                \
	SXTL8H(5, 5)                \
	SXTL4S(6, 4)                \
	SXTL24S(7, 4)               \
	SXTL4S(16, 5)               \
	SXTL24S(17, 5)              \
	SCVTF(6, 6)                 \
	SCVTF(7, 7)                 \
	SCVTF(16, 16)               \
	SCVTF(17, 17)               \
	FMULL(6, 6, 3, 0)           \
	FMULL(7, 7, 3, 0)           \
	FMULL(16, 16, 3, 1)         \
	FMULL(17, 17, 3, 1)         \
	FNEG(16, 16)                \
	FNEG(17, 17)                \
	VST1.P [V6.S4, V7.S4], 32(R1) \
	VST1.P [V16.S4, V17.S4], 32(R2)

// The nibbles of two groups of Q4_K or Q5_K in V0 to V3.
#define NIBBLESK \
	VLD1.P 32(R3), [V0.B16, V1.B16] \
	VUSHR $4, V0.B16, V2.B16        \
	VUSHR $4, V1.B16, V3.B16        \
	VAND V30.B16, V0.B16, V0.B16    \
	VAND V30.B16, V1.B16, V1.B16

#define STORE64 VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)

// func unpackQ4_KNEON(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ4_KNEON(SB), NOSPLIT, $0-40
	UNPACKARGS
loop:
	SCALESK
	NIBBLESK
	STORE64
	NIBBLESK
	STORE64
	NIBBLESK
	STORE64
	NIBBLESK
	STORE64
	NEXTBLOCK

// sum |= 16 where bit 4 of the high bits, shifted left, is set.
#define TOPK(left, high, sum) \
	VSHL $left, high.B16, V4.B16  \
	VAND V27.B16, V4.B16, V4.B16  \
	VORR V4.B16, sum.B16, sum.B16

// Two groups of Q5_K. V20 and V21 hold the 32 bytes of high bits, the groups' own in bits 0 and 1.
#define PAIRK5 \
	NIBBLESK \
	TOPK(4, V20, V0) \
	TOPK(4, V21, V1) \
	TOPK(3, V20, V2) \
	TOPK(3, V21, V3) \
	VUSHR $2, V20.B16, V20.B16 \
	VUSHR $2, V21.B16, V21.B16 \
	STORE64

// func unpackQ5_KNEON(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ5_KNEON(SB), NOSPLIT, $0-40
	UNPACKARGS
	VMOVI $16, V27.B16
loop:
	SCALESK
	VLD1.P 32(R3), [V20.B16, V21.B16]
	PAIRK5
	PAIRK5
	PAIRK5
	PAIRK5
	NEXTBLOCK

// to = nibbles (already apart) with bits 4 and 5, less 32. V28 is the mask of bits 4 and 5, V29 is 32.
#define JOIN6(bits, to) \
	VAND V28.B16, bits.B16, bits.B16 \
	VORR bits.B16, to.B16, to.B16    \
	VSUB V29.B16, to.B16, to.B16

// 128 elements of Q6_K: nibbles at R3, bit pairs at R5.
#define HALFQ6 \
	VLD1.P 64(R3), [V16.B16, V17.B16, V18.B16, V19.B16] \
	VLD1.P 32(R5), [V4.B16, V5.B16] \
	VUSHR $4, V16.B16, V20.B16      \
	VUSHR $4, V17.B16, V21.B16      \
	VUSHR $4, V18.B16, V22.B16      \
	VUSHR $4, V19.B16, V23.B16      \
	VAND V30.B16, V16.B16, V16.B16  \
	VAND V30.B16, V17.B16, V17.B16  \
	VAND V30.B16, V18.B16, V18.B16  \
	VAND V30.B16, V19.B16, V19.B16  \
	VSHL $4, V4.B16, V0.B16         \
	VSHL $4, V5.B16, V1.B16         \
	VSHL $2, V4.B16, V2.B16         \
	VSHL $2, V5.B16, V3.B16         \
	VUSHR $2, V4.B16, V6.B16        \
	VUSHR $2, V5.B16, V7.B16        \
	JOIN6(V0, V16) \
	JOIN6(V1, V17) \
	JOIN6(V2, V18) \
	JOIN6(V3, V19) \
	JOIN6(V4, V20) \
	JOIN6(V5, V21) \
	JOIN6(V6, V22) \
	JOIN6(V7, V23) \
	VST1.P [V16.B16, V17.B16, V18.B16, V19.B16], 64(R0) \
	VST1.P [V20.B16, V21.B16, V22.B16, V23.B16], 64(R0)

// func unpackQ6_KNEON(q *int8, d, m *float32, src *byte, blocks int)
TEXT ·unpackQ6_KNEON(SB), NOSPLIT, $0-40
	UNPACKARGS
	VMOVI $48, V28.B16
	VMOVI $32, V29.B16
loop:
	ADD $128, R3, R5
	HALFQ6
	HALFQ6
	VLD1.P 16(R5), [V0.B16]
	VLD1.P 2(R5), V2.H[0]
	FCVTL(3, 2)
	SXTL8H(4, 0)
	SXTL28H(5, 0)
	SXTL4S(16, 4)
	SXTL24S(17, 4)
	SXTL4S(18, 5)
	SXTL24S(19, 5)
	SCVTF(16, 16)
	SCVTF(17, 17)
	SCVTF(18, 18)
	SCVTF(19, 19)
	FMULL(16, 16, 3, 0)
	FMULL(17, 17, 3, 0)
	FMULL(18, 18, 3, 0)
	FMULL(19, 19, 3, 0)
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R1)
	MOVD R5, R3
	NEXTBLOCK

// Four dwords of four rows in a-d, transposed into e-h.
#define TRANSPOSE(a, b, c, d, e, f, g, h) \
	VZIP1 b.S4, a.S4, V24.S4   \
	VZIP2 b.S4, a.S4, V25.S4   \
	VZIP1 d.S4, c.S4, V26.S4   \
	VZIP2 d.S4, c.S4, V27.S4   \
	VZIP1 V26.D2, V24.D2, e.D2 \
	VZIP2 V26.D2, V24.D2, f.D2 \
	VZIP1 V27.D2, V25.D2, g.D2 \
	VZIP2 V27.D2, V25.D2, h.D2

// func interleaveNEON(dst *uint32, pitch int, src *uint32, stride, n int)
TEXT ·interleaveNEON(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD pitch+8(FP), R1
	MOVD src+16(FP), R4
	MOVD stride+24(FP), R2
	MOVD n+32(FP), R3
	LSL $2, R1, R1
	LSL $2, R2, R2
	ADD R2, R4, R5
	ADD R2, R5, R6
	ADD R2, R6, R7
	ADD R2, R7, R8
	ADD R2, R8, R9
	ADD R2, R9, R10
	ADD R2, R10, R11
loop:
	VLD1.P 16(R4), [V0.S4]
	VLD1.P 16(R5), [V1.S4]
	VLD1.P 16(R6), [V2.S4]
	VLD1.P 16(R7), [V3.S4]
	VLD1.P 16(R8), [V4.S4]
	VLD1.P 16(R9), [V5.S4]
	VLD1.P 16(R10), [V6.S4]
	VLD1.P 16(R11), [V7.S4]
	TRANSPOSE(V0, V1, V2, V3, V16, V18, V20, V22)
	TRANSPOSE(V4, V5, V6, V7, V17, V19, V21, V23)
	VST1.P [V16.S4, V17.S4], (R0)(R1)
	VST1.P [V18.S4, V19.S4], (R0)(R1)
	VST1.P [V20.S4, V21.S4], (R0)(R1)
	VST1.P [V22.S4, V23.S4], (R0)(R1)
	SUBS $4, R3, R3
	BNE loop
	RET
