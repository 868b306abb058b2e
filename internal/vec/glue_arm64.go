package vec

// n is a positive multiple of 8.

// scaleToNEON: twin: scaleGo.
//
//go:noescape
func scaleToNEON(y, x *float32, n int, a float32)

// divToNEON: twin: divToGo.
//
//go:noescape
func divToNEON(y, x *float32, n int, a float32)

// shiftToNEON: twin: shiftToGo.
//
//go:noescape
func shiftToNEON(y, x *float32, n int, a float32)

// addNEON: twin: addGo.
//
//go:noescape
func addNEON(y, x *float32, n int)

// normNEON: twin: normGo.
//
//go:noescape
func normNEON(y, x, w *float32, n int, r float32)

// gateNEON: twin: gateGo.
//
//go:noescape
func gateNEON(y, x, e, up *float32, n int)

// cubicNEON: twin: cubicGo.
//
//go:noescape
func cubicNEON(y, x *float32, n int, a, b float32)

func scaleLoop(y, x *float32, n int, a float32)    { scaleToNEON(y, x, n, a) }
func divToLoop(y, x *float32, n int, a float32)    { divToNEON(y, x, n, a) }
func shiftToLoop(y, x *float32, n int, a float32)  { shiftToNEON(y, x, n, a) }
func addLoop(y, x *float32, n int)                 { addNEON(y, x, n) }
func normLoop(y, x, w *float32, n int, r float32)  { normNEON(y, x, w, n, r) }
func gateLoop(y, x, e, up *float32, n int)         { gateNEON(y, x, e, up, n) }
func cubicLoop(y, x *float32, n int, a, b float32) { cubicNEON(y, x, n, a, b) }
