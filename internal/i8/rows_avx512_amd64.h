// What the loops over rows share. See i8_avx512_amd64.s for the registers.

// op(integer sums, results, integers, meta, x) for the first rows.
#define EACH1(op, x) op(Z0, Z8, (DI), (R11), x)
#define EACH2(op, x) \
	EACH1(op, x) \
	op(Z1, Z9, (DI)(R8*1), (R11)(R10*1), x)
#define EACH3(op, x) \
	EACH2(op, x) \
	op(Z2, Z10, (DI)(R8*2), (R11)(R10*2), x)
#define EACH4(op, x) \
	EACH3(op, x) \
	op(Z3, Z11, (DI)(R9*1), (R11)(R13*1), x)
#define EACH8(op, x) \
	EACH4(op, x) \
	op(Z4, Z12, (DX), (R12), x)               \
	op(Z5, Z13, (DX)(R8*1), (R12)(R10*1), x)  \
	op(Z6, Z14, (DX)(R8*2), (R12)(R10*2), x)  \
	op(Z7, Z15, (DX)(R9*1), (R12)(R13*1), x)

// op(address, results) for the first rows.
#define OUT1(op) op((AX), Z8)
#define OUT2(op) \
	OUT1(op) \
	op((AX)(BX*1), Z9)
#define OUT3(op) \
	OUT2(op) \
	op((AX)(BX*2), Z10)
#define OUT4(op) \
	OUT3(op) \
	LEAQ (BX)(BX*2), R14 \
	op((AX)(R14*1), Z11)
#define OUT8(op) \
	OUT4(op) \
	LEAQ (AX)(BX*4), R14  \
	op((R14), Z12)        \
	op((R14)(BX*1), Z13)  \
	op((R14)(BX*2), Z14)  \
	LEAQ (R14)(BX*2), R14 \
	op((R14)(BX*1), Z15)

#define LOAD(at, acc) VMOVUPS at, acc
#define STORE(at, acc) VMOVUPS acc, at

#define CLEAR(sum, acc, row, rec, x) VPXORD acc, acc, acc
#define BEGIN(sum, acc, row, rec, x) VPBROADCASTD 4 rec, sum
#define COLUMNS(sum, acc, row, rec, x) VPDPBUSD.BCST x row, Z16, sum
// acc += d·(scale·sum)
#define SCALED(sum, acc, row, rec, x) \
	VCVTDQ2PS sum, sum          \
	VMULPS.BCST 0 rec, sum, sum \
	VFMADD231PS Z17, sum, acc
// acc += scale·sum
#define ADDED(sum, acc, row, rec, x) \
	VCVTDQ2PS sum, sum \
	VFMADD231PS.BCST 0 rec, sum, acc

// Few rows multiply as fast as the memory reads, if what is 16 KB ahead is on its way to the second cache, and what is 2 KB
// ahead to the first: 17.5 GB/s of two threads over the caches of 30 layers, where one without the other gets 15, and none 14.
#define FETCH(k) \
	PREFETCHT1 (16384+16*k)(SI) \
	PREFETCHT0 (2048+16*k)(SI)
