#include "textflag.h"

// func relax()
// ISB waits some 10 ns on cores on which YIELD does nothing.
TEXT ·relax(SB), NOSPLIT, $0-0
	ISB $15
	RET
