#include "textflag.h"
#include "vex_amd64.h"
#include "vnni_amd64.h"

// Tile kernels with AVX-VNNI. See the declarations in mul_avx2vnni_amd64.go.

#define DP(a, w, s, A, W, S) VPDPBUSDVEX(a, w, s)

// func tileMinx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinx4AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	FOUR(WHOLES, STEP, MIN)

// func tileMinx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinx1AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	ONE(WHOLES, STEP, MIN)

// func tileOff8x4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff8x4AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off8<>(SB), Y15
	FOUR(WHOLES, STEP, OFF)

// func tileOff8x1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff8x1AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off8<>(SB), Y15
	ONE(WHOLES, STEP, OFF)

// func tileOff16x4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff16x4AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off16<>(SB), Y15
	FOUR(WHOLES, STEP, OFF)

// func tileOff16x1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff16x1AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off16<>(SB), Y15
	ONE(WHOLES, STEP, OFF)

// func tileOff128x4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff128x4AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	FOUR(WHOLES, STEP, OFF)

// func tileOff128x1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileOff128x1AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	ONE(WHOLES, STEP, OFF)

// func tileHalfx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileHalfx4AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off32<>(SB), Y15
	FOUR(HALVES, STEP, OFF)

// func tileHalfx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileHalfx1AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off32<>(SB), Y15
	ONE(HALVES, STEP, OFF)

// func tileMinHalfx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinHalfx4AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	FOUR(HALVES, STEP, MIN)

// func tileMinHalfx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileMinHalfx1AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	ONE(HALVES, STEP, MIN)

// func tileSignedx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedx4AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	FOUR(WHOLES, STEPSIGNED, OFF)

// func tileSignedx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedx1AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	ONE(WHOLES, STEPSIGNED, OFF)

// func tileSignedHalfx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedHalfx4AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	FOUR(HALVES, STEPSIGNED, OFF)

// func tileSignedHalfx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)
TEXT ·tileSignedHalfx1AVXVNNI(SB), NOSPLIT, $0-64
	ARGS
	VBROADCASTSS off128<>(SB), Y15
	ONE(HALVES, STEPSIGNED, OFF)
