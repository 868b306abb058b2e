// Products of 4, 3, 2 or 1 quantised rows with panels on 256 bits, half a panel at a time. What includes this defines
// CONSTANTS, BEGIN and COLUMNS, which start a sum and add four columns to it, and STEP, four columns of all rows.
//
// SI panels, 64 bytes (16 rows × 4 columns) a step; R15 their scales
// DI integers of row 0; rows are R8 bytes apart, R9 = 3·R8
// R11 meta of row 0; rows are R10 bytes apart, R13 = 3·R10
// AX result, rows BX bytes apart, R12 = 3·BX; CX groups left; DX bytes of a panel
//
// Y0-Y3 integer sums, Y4-Y7 results so far, Y8 panel, Y9 scratch, Y10 scales. The sums' numbers are for instructions that are
// written as bytes.

// op(number, integer sums, results, integers, meta, x) for the first rows.
#define EACH1(op, x) op(0, Y0, Y4, (DI), (R11), x)
#define EACH2(op, x) \
	EACH1(op, x) \
	op(1, Y1, Y5, (DI)(R8*1), (R11)(R10*1), x)
#define EACH3(op, x) \
	EACH2(op, x) \
	op(2, Y2, Y6, (DI)(R8*2), (R11)(R10*2), x)
#define EACH4(op, x) \
	EACH3(op, x) \
	op(3, Y3, Y7, (DI)(R9*1), (R11)(R13*1), x)

// op(address, results) for the first rows.
#define OUT1(op) op((AX), Y4)
#define OUT2(op) \
	OUT1(op) \
	op((AX)(BX*1), Y5)
#define OUT3(op) \
	OUT2(op) \
	op((AX)(BX*2), Y6)
#define OUT4(op) \
	OUT3(op) \
	op((AX)(R12*1), Y7)

#define LOAD(at, acc) VMOVUPS at, acc
#define STORE(at, acc) VMOVUPS acc, at

#define CLEAR(n, sum, acc, row, rec, x) VXORPS acc, acc, acc
// acc += d·(scale·sum)
#define SCALED(n, sum, acc, row, rec, x) \
	VCVTDQ2PS sum, sum      \
	VBROADCASTSS 0 rec, Y9  \
	VMULPS Y9, sum, sum     \
	VFMADD231PS Y10, sum, acc
// acc += scale·sum
#define ADDED(n, sum, acc, row, rec, x) \
	VCVTDQ2PS sum, sum     \
	VBROADCASTSS 0 rec, Y9 \
	VFMADD231PS Y9, sum, acc

// The first pass over a panel asks for what is ahead, as in rows_avx512_amd64.h.
#define NOFETCH(k)
#define FETCH(k) \
	PREFETCHT1 (16384+16*k)(SI) \
	PREFETCHT0 (2048+16*k)(SI)

// The eight steps of a group, asking for what is ahead or not.
#define EIGHT(step, each, half, fetch) \
	fetch(0)             \
	step(each, 0, half)  \
	fetch(4)             \
	step(each, 4, half)  \
	fetch(8)             \
	step(each, 8, half)  \
	fetch(12)            \
	step(each, 12, half) \
	fetch(16)            \
	step(each, 16, half) \
	fetch(20)            \
	step(each, 20, half) \
	fetch(24)            \
	step(each, 24, half) \
	fetch(28)            \
	step(each, 28, half)

// The integer sums of a group.
#define GROUP(each, half, fetch) \
	each(BEGIN, 0) \
	EIGHT(STEP, each, half, fetch)

#define NEXTGROUP \
	ADDQ $512, SI \
	ADDQ $32, DI  \
	ADDQ $8, R11  \
	DECQ CX

#define DOTARGS \
	MOVQ s+0(FP), AX      \
	MOVQ lds+8(FP), BX    \
	MOVQ w+32(FP), SI     \
	MOVQ d+40(FP), R15    \
	MOVQ dim+48(FP), R8   \
	SHARED

#define MULARGS \
	MOVQ y+0(FP), AX      \
	MOVQ ldy+8(FP), BX    \
	MOVQ w+32(FP), SI     \
	MOVQ dim+40(FP), R8   \
	SHARED

#define SHARED \
	LEAQ (R8)(R8*2), R9    \
	MOVQ R8, R10           \
	SHRQ $2, R10           \
	LEAQ (R10)(R10*2), R13 \
	LEAQ (BX)(BX*2), R12   \
	MOVQ R8, DX            \
	SHLQ $4, DX            \
	CONSTANTS

#define ROWS(q) \
	MOVQ q+16(FP), DI     \
	MOVQ meta+24(FP), R11 \
	MOVQ R8, CX           \
	SHRQ $5, CX

#define DOTHALF(group, each, out, half, fetch) \
	ROWS(q)               \
	each(CLEAR, 0)        \
group:                    \
	GROUP(each, half, fetch) \
	VCVTPH2PS (half/2)(R15), Y10 \
	each(SCALED, 0)       \
	ADDQ $32, R15         \
	NEXTGROUP             \
	JNZ group             \
	out(STORE)            \
	ADDQ $32, AX

#define MULHALF(group, each, out, half, fetch) \
	ROWS(p)           \
	out(LOAD)         \
group:                \
	GROUP(each, half, fetch) \
	each(ADDED, 0)    \
	NEXTGROUP         \
	JNZ group         \
	out(STORE)        \
	ADDQ $32, AX

#define DOTS(each, out) \
	DOTARGS                      \
panel:                           \
	DOTHALF(low, each, out, 0, FETCH) \
	SUBQ DX, SI                  \
	SUBQ R8, R15                 \
	DOTHALF(high, each, out, 32, NOFETCH) \
	DECQ panels+56(FP)           \
	JNZ panel                    \
	VZEROUPPER                   \
	RET

#define MULS(each, out) \
	MULARGS                      \
panel:                           \
	MULHALF(low, each, out, 0, FETCH) \
	SUBQ DX, SI                  \
	MULHALF(high, each, out, 32, NOFETCH) \
	DECQ panels+48(FP)           \
	JNZ panel                    \
	VZEROUPPER                   \
	RET
