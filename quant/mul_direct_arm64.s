#include "textflag.h"
#include "neon_arm64.h"
#include "direct_arm64.h"
#include "directk_arm64.h"

// Products of 8 packed rows and one row of activations, with SDOT. See the declarations in mul_arm64.go.

#define DOT32(v, n) \
	ZERO(v)         \
	SDOT(n, 20, 16) \
	SDOT(n, 21, 17)

#define DOT8(v, n) DOT32(v, n)

#define DOTK(v, w, s, t) \
	ZERO(v)         \
	ZERO(w)         \
	SDOT(s, 20, 16) \
	SDOT(t, 22, 18) \
	SDOT(s, 21, 17) \
	SDOT(t, 23, 19)

#define DOT6(v0, v1, v2, v3, s0, s1, s2, s3) \
	ZERO(v0)         \
	ZERO(v1)         \
	ZERO(v2)         \
	ZERO(v3)         \
	SDOT(s0, 20, 16) \
	SDOT(s1, 21, 17) \
	SDOT(s2, 23, 18) \
	SDOT(s3, 24, 19)

// func directQ4_0Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ4_0Dot(SB), NOSPLIT, $0-48
	Q4_0

// func directQ4_1Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ4_1Dot(SB), NOSPLIT, $0-48
	Q4_1

// func directQ5_0Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ5_0Dot(SB), NOSPLIT, $0-48
	Q5_0

// func directQ5_1Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ5_1Dot(SB), NOSPLIT, $0-48
	Q5_1

// func directQ8_0Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ8_0Dot(SB), NOSPLIT, $0-48
	Q8_0

// func directQ4_KDot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ4_KDot(SB), NOSPLIT, $0-48
	Q4_K

// func directQ5_KDot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ5_KDot(SB), NOSPLIT, $64-48
	Q5_K

// func directQ6_KDot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ6_KDot(SB), NOSPLIT, $384-48
	Q6_K

// func directIQ4_NLDot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directIQ4_NLDot(SB), NOSPLIT, $0-48
	IQ4_NL
