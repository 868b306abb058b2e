#include "textflag.h"
#include "vnni_amd64.h"

// The tile kernels for AVX-VNNI with the same instruction as AVX-512 has it. See the declarations in mul_avx2vnni_amd64.go.

#define DP(a, w, s, A, W, S) VPDPBUSD A, W, S

// func tileMinx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinx4EVEX(SB), NOSPLIT, $0-64
	ARGS
	FOUR(WHOLES, STEP, MIN)

// func tileMinx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinx1EVEX(SB), NOSPLIT, $0-64
	ARGS
	ONE(WHOLES, STEP, MIN)

// func tileOff8x4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff8x4EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off8<>(SB), Y15
	FOUR(WHOLES, STEP, OFF)

// func tileOff8x1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff8x1EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off8<>(SB), Y15
	ONE(WHOLES, STEP, OFF)

// func tileOff16x4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff16x4EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off16<>(SB), Y15
	FOUR(WHOLES, STEP, OFF)

// func tileOff16x1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff16x1EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off16<>(SB), Y15
	ONE(WHOLES, STEP, OFF)

// func tileOff128x4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff128x4EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	FOUR(WHOLES, STEP, OFF)

// func tileOff128x1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff128x1EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	ONE(WHOLES, STEP, OFF)

// func tileHalfx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileHalfx4EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off32<>(SB), Y15
	FOUR(HALVES, STEP, OFF)

// func tileHalfx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileHalfx1EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off32<>(SB), Y15
	ONE(HALVES, STEP, OFF)

// func tileMinHalfx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinHalfx4EVEX(SB), NOSPLIT, $0-64
	ARGS
	FOUR(HALVES, STEP, MIN)

// func tileMinHalfx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinHalfx1EVEX(SB), NOSPLIT, $0-64
	ARGS
	ONE(HALVES, STEP, MIN)

// func tileSignedx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedx4EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	FOUR(WHOLES, STEPSIGNED, OFF)

// func tileSignedx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedx1EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	ONE(WHOLES, STEPSIGNED, OFF)

// func tileSignedHalfx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedHalfx4EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	FOUR(HALVES, STEPSIGNED, OFF)

// func tileSignedHalfx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedHalfx1EVEX(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	ONE(HALVES, STEPSIGNED, OFF)
