#include "textflag.h"

// Tiles of four rows of weights by up to three rows of activations, lanes 0–7 of all columns first, then lanes 8–15: Y(4a+r) are
// the lanes of row a of x and row r of w.
//
// DI: lanes. SI: row 0 of x where it is read, R13 bytes apart. R8, R10: rows 0 and 3 of w, R9 bytes apart. DX: vectors left.
// R11: groups of four rows left. AX: row 0 of x. BX: row 0 of w of the group. CX: 1 for the first lanes, else 0.

// op(at, row of x, a vector, lanes)
#define ACTS1(op) op(0, (SI), Y12, Y0, Y1, Y2, Y3)
#define ACTS2(op) \
	ACTS1(op) \
	op(256, (SI)(R13*1), Y13, Y4, Y5, Y6, Y7)
#define ACTS3(op) \
	ACTS2(op) \
	op(512, (SI)(R13*2), Y14, Y8, Y9, Y10, Y11)

#define ZERO(at, x, t, y0, y1, y2, y3) \
	VXORPS y0, y0, y0 \
	VXORPS y1, y1, y1 \
	VXORPS y2, y2, y2 \
	VXORPS y3, y3, y3
#define LOAD(at, x, t, y0, y1, y2, y3) \
	VMOVUPS (at+0)(DI), y0   \
	VMOVUPS (at+64)(DI), y1  \
	VMOVUPS (at+128)(DI), y2 \
	VMOVUPS (at+192)(DI), y3
#define STORE(at, x, t, y0, y1, y2, y3) \
	VMOVUPS y0, (at+0)(DI)   \
	VMOVUPS y1, (at+64)(DI)  \
	VMOVUPS y2, (at+128)(DI) \
	VMOVUPS y3, (at+192)(DI)
#define GET(at, x, t, y0, y1, y2, y3) VMOVUPS x, t
#define FMA0(at, x, t, y0, y1, y2, y3) VFMADD231PS Y15, t, y0
#define FMA1(at, x, t, y0, y1, y2, y3) VFMADD231PS Y15, t, y1
#define FMA2(at, x, t, y0, y1, y2, y3) VFMADD231PS Y15, t, y2
#define FMA3(at, x, t, y0, y1, y2, y3) VFMADD231PS Y15, t, y3

#define FLOAT(p) VMOVUPS p, Y15
#define HALF(p) VCVTPH2PS p, Y15
#define BRAIN(p) \
	VPMOVZXWD p, Y15 \
	VPSLLD $16, Y15, Y15

// R14 runs through the next group and 4 KB beyond, half of it in either part.
#define AHEAD1 \
	PREFETCHT1 (R14) \
	ADDQ $64, R14
#define AHEAD2 \
	PREFETCHT1 (R14)   \
	PREFETCHT1 64(R14) \
	ADDQ $128, R14

#define GROUPS(acts, count, ahead, fetch, size, group, part, more, loop, next) \
group:                       \
	MOVL $1, CX              \
	LEAQ (BX)(R9*4), R14     \
	ADDQ $4096, R14          \
part:                        \
	MOVQ AX, SI              \
	MOVQ BX, R8              \
	LEAQ (R9)(R9*2), R10     \
	ADDQ R8, R10             \
	MOVQ k+40(FP), DX        \
	CMPB first+64(FP), $0    \
	JEQ  more                \
	acts(ZERO)               \
	JMP  loop                \
more:                        \
	acts(LOAD)               \
loop:                        \
	ahead                    \
	acts(GET)                \
	fetch((R8))              \
	acts(FMA0)               \
	fetch((R8)(R9*1))        \
	acts(FMA1)               \
	fetch((R8)(R9*2))        \
	acts(FMA2)               \
	fetch((R10))             \
	acts(FMA3)               \
	ADDQ $size, R8           \
	ADDQ $size, R10          \
	ADDQ $64, SI             \
	DECQ DX                  \
	JNZ  loop                \
	acts(STORE)              \
	DECL CX                  \
	JNZ  next                \
	ADDQ $32, DI             \
	ADDQ $32, AX             \
	ADDQ $(size/2), BX       \
	JMP  part                \
next:                        \
	SUBQ $32, AX             \
	SUBQ $(size/2), BX       \
	LEAQ (BX)(R9*4), BX      \
	ADDQ $(256*count-32), DI \
	DECQ R11                 \
	JNZ  group               \
	VZEROUPPER               \
	RET

#define TILE(fetch, size, ahead) \
	MOVQ s+0(FP), DI       \
	MOVQ x+8(FP), AX       \
	MOVQ ldx+16(FP), R13   \
	MOVQ w+24(FP), BX      \
	MOVQ ldw+32(FP), R9    \
	MOVQ acts+48(FP), CX   \
	MOVQ groups+56(FP), R11 \
	CMPQ CX, $2            \
	JLT  group1            \
	JEQ  group2            \
	GROUPS(ACTS3, 3, ahead, fetch, size, group3, part3, more3, loop3, next3) \
	GROUPS(ACTS2, 2, ahead, fetch, size, group2, part2, more2, loop2, next2) \
	GROUPS(ACTS1, 1, ahead, fetch, size, group1, part1, more1, loop1, next1)

// func dotTileAVX2(s, x *float32, ldx int, w *float32, ldw, k, acts, groups int, first bool)
TEXT ·dotTileAVX2(SB), NOSPLIT, $0-65
	TILE(FLOAT, 64, AHEAD2)

// func dotTileF16AVX2(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)
TEXT ·dotTileF16AVX2(SB), NOSPLIT, $0-65
	TILE(HALF, 32, AHEAD1)

// func dotTileBF16AVX2(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)
TEXT ·dotTileBF16AVX2(SB), NOSPLIT, $0-65
	TILE(BRAIN, 32, AHEAD1)

// func tileTreesAVX2(y *float32, ldy int, s *float32, acts, groups int)
// Halving 16 lanes needs no shuffle, 8 to 4 puts two rows in one register, and the last two steps transpose.
TEXT ·tileTreesAVX2(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ ldy+8(FP), R8
	MOVQ s+16(FP), SI
	MOVQ groups+32(FP), BX
group:
	MOVQ DI, DX
	MOVQ acts+24(FP), CX
row:
	VMOVUPS (SI), Y0
	VMOVUPS 64(SI), Y1
	VMOVUPS 128(SI), Y2
	VMOVUPS 192(SI), Y3
	VADDPS 32(SI), Y0, Y0
	VADDPS 96(SI), Y1, Y1
	VADDPS 160(SI), Y2, Y2
	VADDPS 224(SI), Y3, Y3
	VINSERTF128 $1, X1, Y0, Y4
	VPERM2F128 $0x31, Y1, Y0, Y5
	VINSERTF128 $1, X3, Y2, Y6
	VPERM2F128 $0x31, Y3, Y2, Y7
	VADDPS Y5, Y4, Y4            // rows 0 and 1, four lanes each
	VADDPS Y7, Y6, Y6            // rows 2 and 3
	VUNPCKLPS Y6, Y4, Y0         // lanes 0 and 1 of rows 0 and 2; of rows 1 and 3
	VUNPCKHPS Y6, Y4, Y1         // lanes 2 and 3
	VADDPS Y1, Y0, Y0
	VPERMILPD $5, Y0, Y1
	VADDPS Y1, Y0, Y0            // rows 0 2 0 2 1 3 1 3
	VEXTRACTF128 $1, Y0, X1
	VUNPCKLPS X1, X0, X0
	VMOVUPS X0, (DX)
	ADDQ R8, DX
	ADDQ $256, SI
	DECQ CX
	JNZ  row
	ADDQ $16, DI
	DECQ BX
	JNZ  group
	VZEROUPPER
	RET
