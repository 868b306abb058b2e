package vec

// n is a positive multiple of 8.

// scaleToAVX2: twin: scaleGo.
//
//go:noescape
func scaleToAVX2(y, x *float32, n int, a float32)

// divToAVX2: twin: divToGo.
//
//go:noescape
func divToAVX2(y, x *float32, n int, a float32)

// shiftToAVX2: twin: shiftToGo.
//
//go:noescape
func shiftToAVX2(y, x *float32, n int, a float32)

// addAVX2: twin: addGo.
//
//go:noescape
func addAVX2(y, x *float32, n int)

// normAVX2: twin: normGo.
//
//go:noescape
func normAVX2(y, x, w *float32, n int, r float32)

// gateAVX2: twin: gateGo.
//
//go:noescape
func gateAVX2(y, x, e, up *float32, n int)

// cubicAVX2: twin: cubicGo.
//
//go:noescape
func cubicAVX2(y, x *float32, n int, a, b float32)

func scaleLoop(y, x *float32, n int, a float32)    { scaleToAVX2(y, x, n, a) }
func divToLoop(y, x *float32, n int, a float32)    { divToAVX2(y, x, n, a) }
func shiftToLoop(y, x *float32, n int, a float32)  { shiftToAVX2(y, x, n, a) }
func addLoop(y, x *float32, n int)                 { addAVX2(y, x, n) }
func normLoop(y, x, w *float32, n int, r float32)  { normAVX2(y, x, w, n, r) }
func gateLoop(y, x, e, up *float32, n int)         { gateAVX2(y, x, e, up, n) }
func cubicLoop(y, x *float32, n int, a, b float32) { cubicAVX2(y, x, n, a, b) }
