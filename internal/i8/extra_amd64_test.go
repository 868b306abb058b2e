package i8

import "github.com/godwit-ai/godwit/internal/cpu"

var rowsEVEX = byRows{{4, dot4EVEX, mulAdd4EVEX}, {3, dot3EVEX, mulAdd3EVEX}, {2, dot2EVEX, mulAdd2EVEX}, {1, dot1EVEX, mulAdd1EVEX}}

// kernelsEVEX stand for those of AVX-VNNI where the instruction is there in AVX-512's encoding.
var kernelsEVEX = kernels{quantize: quantizeWithAVX2, weigh: weighWithAVX2, dot: rowsEVEX.dot, mulAdd: rowsEVEX.mulAdd, unpack4: unpack4WithAVX2, planes: planesWithAVX2}

var extras = []extra{{"avxvnni by evex", cpu.AVX512VNNI.Have, &kernelsEVEX}}
