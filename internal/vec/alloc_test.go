package vec

import "testing"

func TestNoAllocations(t *testing.T) {
	x, h := make([]float32, 100), make([]uint16, 100)
	if n := testing.AllocsPerRun(10, func() {
		Dot(x, x)
		DotF16(x, h)
		Axpy(x, 1, x)
		AxpyF16(x, 1, h)
		Sum(x)
		SiLUMul(x, x, x)
		RMSNorm(x, x, x, 1)
		Softmax(x)
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
