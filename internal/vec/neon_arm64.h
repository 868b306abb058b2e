// Instructions that Go's assembler lacks. Operands are register numbers in the order of the manual, which each macro's
// comment follows; internal/lint checks that the encodings are what the comments say.

// FADD Vd.4S, Vn.4S, Vm.4S
#define FADD(Vd, Vn, Vm) WORD $(0x4e20d400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FSUB Vd.4S, Vn.4S, Vm.4S
#define FSUB(Vd, Vn, Vm) WORD $(0x4ea0d400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FMUL Vd.4S, Vn.4S, Vm.4S
#define FMUL(Vd, Vn, Vm) WORD $(0x6e20dc00 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FDIV Vd.4S, Vn.4S, Vm.4S
#define FDIV(Vd, Vn, Vm) WORD $(0x6e20fc00 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FMLA Vd.4S, Vn.4S, Vm.4S
#define FMLA(Vd, Vn, Vm) WORD $(0x4e20cc00 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FADDP Vd.4S, Vn.4S, Vm.4S
#define FADDP(Vd, Vn, Vm) WORD $(0x6e20d400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FCMGT Vd.4S, Vn.4S, Vm.4S
#define FCMGT(Vd, Vn, Vm) WORD $(0x6ea0e400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FCMEQ Vd.4S, Vn.4S, Vm.4S
#define FCMEQ(Vd, Vn, Vm) WORD $(0x4e20e400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FCVTL Vd.4S, Vn.4H
#define FCVTL(Vd, Vn) WORD $(0x0e217800 | ((Vn)<<5) | (Vd))
// FCVTL2 Vd.4S, Vn.8H
#define FCVTL2(Vd, Vn) WORD $(0x4e217800 | ((Vn)<<5) | (Vd))
// FCVTN Vd.4H, Vn.4S
#define FCVTN(Vd, Vn) WORD $(0x0e216800 | ((Vn)<<5) | (Vd))
// FCVTN2 Vd.8H, Vn.4S
#define FCVTN2(Vd, Vn) WORD $(0x4e216800 | ((Vn)<<5) | (Vd))
// FADD Vd.2D, Vn.2D, Vm.2D
#define FADDD(Vd, Vn, Vm) WORD $(0x4e60d400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FCVTL Vd.2D, Vn.2S
#define FCVTLD(Vd, Vn) WORD $(0x0e617800 | ((Vn)<<5) | (Vd))
// FCVTL2 Vd.2D, Vn.4S
#define FCVTL2D(Vd, Vn) WORD $(0x4e617800 | ((Vn)<<5) | (Vd))
