#include "textflag.h"
#include "neon_arm64.h"

// Tile kernels with SDOT: 8 weight rows times 4 or 1 rows of activations. See the declarations in mul_arm64.go.
//
// V0-V7 integer sums (two registers an activation row), V8-V15 results so far, V16-V19 activations, V20 V21 weights.

#define CLEAR4 \
	ZERO(V8)  \
	ZERO(V9)  \
	ZERO(V10) \
	ZERO(V11) \
	ZERO(V12) \
	ZERO(V13) \
	ZERO(V14) \
	ZERO(V15)

#define CLEAR1 \
	ZERO(V8) \
	ZERO(V9)

#define ZERO4 \
	ZERO(V0) \
	ZERO(V1) \
	ZERO(V2) \
	ZERO(V3) \
	ZERO(V4) \
	ZERO(V5) \
	ZERO(V6) \
	ZERO(V7)

#define ZERO1 \
	ZERO(V0) \
	ZERO(V1)

#define STEP4(lane) \
	VLD1.P 32(R10), [V20.B16, V21.B16] \
	SDOTL(0, 20, 16, lane) \
	SDOTL(1, 21, 16, lane) \
	SDOTL(2, 20, 17, lane) \
	SDOTL(3, 21, 17, lane) \
	SDOTL(4, 20, 18, lane) \
	SDOTL(5, 21, 18, lane) \
	SDOTL(6, 20, 19, lane) \
	SDOTL(7, 21, 19, lane)

// 16 columns of 4 rows of activations.
#define DOT4 \
	VLD1.P 16(R2), [V16.B16] \
	VLD1.P 16(R3), [V17.B16] \
	VLD1.P 16(R4), [V18.B16] \
	VLD1.P 16(R5), [V19.B16] \
	STEP4(0) \
	STEP4(1) \
	STEP4(2) \
	STEP4(3)

#define STEP1(lane) \
	VLD1.P 32(R10), [V20.B16, V21.B16] \
	SDOTL(0, 20, 16, lane) \
	SDOTL(1, 21, 16, lane)

#define DOT1 \
	VLD1.P 16(R2), [V16.B16] \
	STEP1(0) \
	STEP1(1) \
	STEP1(2) \
	STEP1(3)

#define GROUP4(load) \
	SCALES   \
	load(R6) \
	PRODUCT(0, 1, 8, 9)   \
	load(R7) \
	PRODUCT(2, 3, 10, 11) \
	load(R8) \
	PRODUCT(4, 5, 12, 13) \
	load(R9) \
	PRODUCT(6, 7, 14, 15)

#define GROUPMIN4(load, lane) \
	SCALES   \
	OFFSETS  \
	load(R6) \
	PRODUCT(0, 1, 8, 9)   \
	MINIMUM(lane, 8, 9)   \
	load(R7) \
	PRODUCT(2, 3, 10, 11) \
	MINIMUM(lane, 10, 11) \
	load(R8) \
	PRODUCT(4, 5, 12, 13) \
	MINIMUM(lane, 12, 13) \
	load(R9) \
	PRODUCT(6, 7, 14, 15) \
	MINIMUM(lane, 14, 15)

#define GROUP1(load) \
	SCALES   \
	load(R6) \
	PRODUCT(0, 1, 8, 9)

#define GROUPMIN1(load, lane) \
	GROUP1(load) \
	OFFSETS      \
	MINIMUM(lane, 8, 9)

#define STORE4 \
	VST1 [V8.S4, V9.S4], (R0)   \
	ADD R1, R0, R0              \
	VST1 [V10.S4, V11.S4], (R0) \
	ADD R1, R0, R0              \
	VST1 [V12.S4, V13.S4], (R0) \
	ADD R1, R0, R0              \
	VST1 [V14.S4, V15.S4], (R0) \
	RET

#define STORE1 \
	VST1 [V8.S4, V9.S4], (R0) \
	RET

// func tile32FourDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32FourDot(SB), NOSPLIT, $0-64
	ARGS4
	CLEAR4
loop:
	ZERO4
	DOT4
	DOT4
	GROUP4(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE4

// func tile32MinFourDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32MinFourDot(SB), NOSPLIT, $0-64
	ARGS4
	CLEAR4
loop:
	ZERO4
	DOT4
	DOT4
	GROUPMIN4(STEP, 0)
	SUBS $1, R13, R13
	BNE loop
	STORE4

// func tile16FourDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16FourDot(SB), NOSPLIT, $0-64
	ARGS4
	CLEAR4
loop:
	ZERO4
	DOT4
	GROUP4(STAY)
	ZERO4
	DOT4
	GROUP4(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE4

// func tile16MinFourDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16MinFourDot(SB), NOSPLIT, $0-64
	ARGS4
	CLEAR4
loop:
	ZERO4
	DOT4
	GROUPMIN4(STAY, 1)
	ZERO4
	DOT4
	GROUPMIN4(STEP, 2)
	SUBS $1, R13, R13
	BNE loop
	STORE4

// func tile32OneDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32OneDot(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	ZERO1
	DOT1
	DOT1
	GROUP1(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE1

// func tile32MinOneDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile32MinOneDot(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	ZERO1
	DOT1
	DOT1
	GROUPMIN1(STEP, 0)
	SUBS $1, R13, R13
	BNE loop
	STORE1

// func tile16OneDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16OneDot(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	ZERO1
	DOT1
	GROUP1(STAY)
	ZERO1
	DOT1
	GROUP1(STEP)
	SUBS $1, R13, R13
	BNE loop
	STORE1

// func tile16MinOneDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tile16MinOneDot(SB), NOSPLIT, $0-64
	ARGS1
	CLEAR1
loop:
	ZERO1
	DOT1
	GROUPMIN1(STAY, 1)
	ZERO1
	DOT1
	GROUPMIN1(STEP, 2)
	SUBS $1, R13, R13
	BNE loop
	STORE1
