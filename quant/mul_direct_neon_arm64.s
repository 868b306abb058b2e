#include "textflag.h"
#include "neon_arm64.h"
#include "direct_arm64.h"
#include "directk_arm64.h"

// Products of 8 packed rows and one row of activations, on any CPU. See the declarations in mul_arm64.go.
//
// Sums of 4 products fit 16 bits up to 5 bits of a weight (4·31·127 = 15748), sums of two up to 8 bits (2·128·127 = 32512).

#define LOWHIGH(s, w, a) \
	SMULL(s, w, a) \
	SMLAL2(s, w, a)
#define MORE(s, w, a) \
	SMLAL(s, w, a) \
	SMLAL2(s, w, a)

#define DOT32(v, n) \
	LOWHIGH(n, 20, 16) \
	MORE(n, 21, 17)    \
	SADDLP(n, n)

#define DOT8(v, n) \
	LOWHIGH(n, 20, 16)  \
	LOWHIGH(22, 21, 17) \
	SADDLP(n, n)        \
	SADALP(n, 22)

#define DOTK(v, w, s, t) \
	LOWHIGH(s, 20, 16) \
	LOWHIGH(t, 22, 18) \
	MORE(s, 21, 17)    \
	MORE(t, 23, 19)    \
	SADDLP(s, s)       \
	SADDLP(t, t)

#define DOT6(v0, v1, v2, v3, s0, s1, s2, s3) \
	LOWHIGH(s0, 20, 16) \
	LOWHIGH(s1, 21, 17) \
	LOWHIGH(s2, 23, 18) \
	LOWHIGH(s3, 24, 19) \
	SADDLP(s0, s0)      \
	SADDLP(s1, s1)      \
	SADDLP(s2, s2)      \
	SADDLP(s3, s3)

// func directQ4_0NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ4_0NEON(SB), NOSPLIT, $0-48
	Q4_0

// func directQ4_1NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ4_1NEON(SB), NOSPLIT, $0-48
	Q4_1

// func directQ5_0NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ5_0NEON(SB), NOSPLIT, $0-48
	Q5_0

// func directQ5_1NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ5_1NEON(SB), NOSPLIT, $0-48
	Q5_1

// func directQ8_0NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ8_0NEON(SB), NOSPLIT, $0-48
	Q8_0

// func directQ4_KNEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ4_KNEON(SB), NOSPLIT, $0-48
	Q4_K

// func directQ5_KNEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ5_KNEON(SB), NOSPLIT, $64-48
	Q5_K

// func directQ6_KNEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directQ6_KNEON(SB), NOSPLIT, $384-48
	Q6_K

// func directIQ4_NLNEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
TEXT ·directIQ4_NLNEON(SB), NOSPLIT, $0-48
	IQ4_NL
