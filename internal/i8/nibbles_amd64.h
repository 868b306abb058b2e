// Products of 4, 3, 2 or 1 quantised rows with nibbles on 256 bits, half a panel at a time. What includes this, after half_amd64.h,
// defines CONSTANTS, START and TOTAL, which begin and end the integer sums of a group, and COLUMNS, which adds four columns.
// Nibbles are unsigned: what is to be 8 less is put right by a sixteenth of the bias, which is that of 128. Y12: the mask of low
// nibbles.

#define LOW(each, k, half) \
	VPAND (16*k+half)(SI), Y12, Y8 \
	each(COLUMNS, k)
#define HIGH(each, k, half) \
	VMOVDQU (16*k+half)(SI), Y8 \
	VPSRLW $4, Y8, Y8           \
	VPAND Y12, Y8, Y8           \
	each(COLUMNS, k)

// The integer sums of a group.
#define NIBBLES(each, part, half, fetch) \
	each(START, 0)                 \
	EIGHT(part, each, half, fetch) \
	each(TOTAL, 0)

// Half of the groups of a panel's rows: those of the low or of the high nibbles, which come after them.
#define DOTPART(group, each, part, half, fetch) \
	MOVQ R8, CX                        \
	SHRQ $6, CX                        \
group:                                     \
	NIBBLES(each, part, half, fetch)   \
	VCVTPH2PS (half/2)(R15), Y10       \
	each(SCALED, 0)                    \
	ADDQ $32, R15                      \
	NEXTGROUP                          \
	JNZ group                          \
	SUBQ DX, SI

#define NIBBLEDOTS(each, out) \
	DOTARGS                                \
	SHRQ $1, DX                            \
panel:                                         \
	MOVQ q+16(FP), DI                      \
	MOVQ meta+24(FP), R11                  \
	each(CLEAR, 0)                         \
	DOTPART(low0, each, LOW, 0, FETCH)     \
	DOTPART(high0, each, HIGH, 0, NOFETCH) \
	out(STORE)                             \
	ADDQ $32, AX                           \
	SUBQ R8, R15                           \
	MOVQ q+16(FP), DI                      \
	MOVQ meta+24(FP), R11                  \
	each(CLEAR, 0)                         \
	DOTPART(low1, each, LOW, 32, NOFETCH)  \
	DOTPART(high1, each, HIGH, 32, NOFETCH) \
	out(STORE)                             \
	ADDQ $32, AX                           \
	ADDQ DX, SI                            \
	DECQ panels+56(FP)                     \
	JNZ panel                              \
	VZEROUPPER                             \
	RET

#define MULPART(group, each, out, part, half, fetch) \
	ROWS(p)                          \
	out(LOAD)                        \
group:                                   \
	NIBBLES(each, part, half, fetch) \
	each(ADDED, 0)                   \
	NEXTGROUP                        \
	JNZ group                        \
	out(STORE)                       \
	ADDQ $32, AX

#define NIBBLEMULS(each, out) \
	MULARGS                                     \
pair:                                               \
	MULPART(low0, each, out, LOW, 0, FETCH)     \
	SUBQ DX, SI                                 \
	MULPART(low1, each, out, LOW, 32, NOFETCH)  \
	SUBQ DX, SI                                 \
	MULPART(high0, each, out, HIGH, 0, NOFETCH) \
	SUBQ DX, SI                                 \
	MULPART(high1, each, out, HIGH, 32, NOFETCH) \
	DECQ pairs+48(FP)                           \
	JNZ pair                                    \
	VZEROUPPER                                  \
	RET
