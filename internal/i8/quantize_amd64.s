#include "textflag.h"

DATA magnitude<>+0(SB)/4, $0x7fffffff
GLOBL magnitude<>(SB), RODATA|NOPTR, $4
DATA top<>+0(SB)/4, $0x42fe0000 // 127
GLOBL top<>(SB), RODATA|NOPTR, $4
DATA nan<>+0(SB)/4, $0x7fc00000
GLOBL nan<>(SB), RODATA|NOPTR, $4
// After packing, the dwords stand in this order.
DATA order<>+0(SB)/8, $0x0000000400000000
DATA order<>+8(SB)/8, $0x0000000500000001
DATA order<>+16(SB)/8, $0x0000000600000002
DATA order<>+24(SB)/8, $0x0000000700000003
GLOBL order<>(SB), RODATA|NOPTR, $32

#define ARGS \
	MOVQ q+0(FP), DI                 \
	MOVQ meta+8(FP), R8              \
	MOVQ x+16(FP), SI                \
	MOVQ groups+24(FP), CX           \
	VBROADCASTSS magnitude<>(SB), Y15 \
	VMOVSS top<>(SB), X14            \
	VMOVDQU order<>(SB), Y13         \
	VPXOR X12, X12, X12

// Quantises Y0-Y3. Infinity and NaN go to undefined, what is below 2^-100 to zero; X4 is the scale, X5 is 127/amax before, and
// Y6 and Y7 are sums.
#define QUANTIZE \
	VPAND Y15, Y0, Y4 \
	VPAND Y15, Y1, Y5 \
	VPAND Y15, Y2, Y6 \
	VPAND Y15, Y3, Y7 \
	VPMAXUD Y4, Y5, Y4 \
	VPMAXUD Y6, Y7, Y6 \
	VPMAXUD Y4, Y6, Y4 \
	VEXTRACTI128 $1, Y4, X5 \
	VPMAXUD X4, X5, X4 \
	VPSHUFD $0x4e, X4, X5 \
	VPMAXUD X4, X5, X4 \
	VPSHUFD $0xb1, X4, X5 \
	VPMAXUD X4, X5, X4 \
	VMOVD X4, AX \
	CMPL AX, $0x7f800000 \
	JCC undefined \
	CMPL AX, $0x0d800000 \
	JCS zero \
	VDIVSS X4, X14, X5 \
	VDIVSS X14, X4, X4 \
	VBROADCASTSS X5, Y5 \
	VMULPS Y5, Y0, Y0 \
	VMULPS Y5, Y1, Y1 \
	VMULPS Y5, Y2, Y2 \
	VMULPS Y5, Y3, Y3 \
	VCVTPS2DQ Y0, Y0 \
	VCVTPS2DQ Y1, Y1 \
	VCVTPS2DQ Y2, Y2 \
	VCVTPS2DQ Y3, Y3 \
	VPADDD Y0, Y1, Y6 \
	VPADDD Y2, Y3, Y7 \
	VPACKSSDW Y1, Y0, Y0 \
	VPACKSSDW Y3, Y2, Y2 \
	VPACKSSWB Y2, Y0, Y0 \
	VPERMD Y0, Y13, Y0 \
	VMOVDQU Y0, (DI) \
	VPHADDD Y7, Y6, Y6 \
	VPHADDD Y6, Y6, Y6 \
	VEXTRACTI128 $1, Y6, X7 \
	VPADDD X7, X6, X6 \
	VPHADDD X6, X6, X6 \
	VPSLLD $7, X6, X6 \
	VPSUBD X6, X12, X6 \
	VMOVSS X4, (R8) \
	VMOVD X6, 4(R8)

// The ends of a loop over groups.
#define NEXT \
	ADDQ $128, SI \
	ADDQ $32, DI  \
	ADDQ $8, R8   \
	DECQ CX

#define BLANK \
	VPXOR Y0, Y0, Y0   \
	VMOVDQU Y0, (DI)   \
	VMOVQ X4, (R8)

// func quantizeAVX2(q *int8, meta *Meta, x *float32, groups int)
TEXT ·quantizeAVX2(SB), NOSPLIT, $0-32
	ARGS
loop:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS 64(SI), Y2
	VMOVUPS 96(SI), Y3
	QUANTIZE
next:
	NEXT
	JNZ loop
	VZEROUPPER
	RET
undefined:
	VMOVSS nan<>(SB), X4
	BLANK
	JMP next
zero:
	VPXOR X4, X4, X4
	BLANK
	JMP next

// func weighAVX2(q *int8, meta *Meta, x *float32, groups int, f *float32, period int)
TEXT ·weighAVX2(SB), NOSPLIT, $0-48
	ARGS
	MOVQ period+40(FP), R9
row:
	MOVQ f+32(FP), R10
	MOVQ R9, R11
loop:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS 64(SI), Y2
	VMOVUPS 96(SI), Y3
	VMULPS (R10), Y0, Y0
	VMULPS 32(R10), Y1, Y1
	VMULPS 64(R10), Y2, Y2
	VMULPS 96(R10), Y3, Y3
	QUANTIZE
next:
	ADDQ $128, R10
	NEXT
	JZ done
	DECQ R11
	JNZ loop
	JMP row
done:
	VZEROUPPER
	RET
undefined:
	VMOVSS nan<>(SB), X4
	BLANK
	JMP next
zero:
	VPXOR X4, X4, X4
	BLANK
	JMP next
