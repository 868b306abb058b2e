package quant

import "testing"

func BenchmarkDecode(b *testing.B) {
	for _, f := range Formats() {
		b.Run(f.Name, func(b *testing.B) {
			src := encodeRow(f, row("bell", 1, 4096), nil)
			dst := make([]float32, 4096)
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				f.Decode(dst, src)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/elem")
		})
	}
}

func BenchmarkUnpack(b *testing.B) {
	for _, f := range Formats() {
		if f.Group == 0 {
			continue
		}
		b.Run(f.Name, func(b *testing.B) {
			src := encodeRow(f, row("bell", 1, 4096), nil)
			q, d, m := make([]int8, 4096), make([]float32, 4096/f.Group), make([]float32, 4096/f.Group)
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				f.Unpack(q, d, m, src)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/elem")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	x := row("bell", 1, 4096)
	for _, f := range Formats() {
		for name, w := range map[string][]float32{"plain": nil, "weighted": importanceRow(2, 4096)} {
			b.Run(f.Name+"/"+name, func(b *testing.B) {
				dst := make([]byte, 4096/f.Elems*f.Size)
				b.SetBytes(int64(len(dst)))
				for b.Loop() {
					f.Encode(dst, x, w)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/elem")
			})
		}
	}
}
