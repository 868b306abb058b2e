package cpu

import "golang.org/x/sys/cpu"

// The levels of amd64.
var (
	AVX2       = Level{"avx2", cpu.X86.HasAVX2 && cpu.X86.HasFMA && f16c()}
	AVXVNNI    = Level{"avxvnni", AVX2.Have && cpu.X86.HasAVXVNNI} // client CPUs from Alder Lake on; some with AVX-512 lack it
	AVX512     = Level{"avx512", AVX2.Have && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ}
	AVX512VNNI = Level{"avx512vnni", AVX512.Have && cpu.X86.HasAVX512VNNI}
)

// f16c: x/sys does not tell; every CPU with AVX2 has VCVTPH2PS, since F16C came a generation earlier (Ivy Bridge, Piledriver).
func f16c() bool { return cpu.X86.HasAVX2 }

func init() { levels = []*Level{&AVX2, &AVXVNNI, &AVX512, &AVX512VNNI} }
