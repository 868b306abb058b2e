// Instructions that Go's assembler lacks. Operands are register numbers in the order of the manual, which each macro's
// comment follows; internal/lint checks that the encodings are what the comments say.

// ADDP Vd.4S, Vn.4S, Vm.4S
#define ADDP(Vd, Vn, Vm) WORD $(0x4ea0bc00 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SDOT Vd.4S, Vn.16B, Vm.4B[lane]
#define SDOTL(Vd, Vn, Vm, lane) WORD $(0x4f80e000 | (((lane)&1)<<21) | (((lane)>>1)<<11) | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMMLA Vd.4S, Vn.16B, Vm.16B
#define SMMLA(Vd, Vn, Vm) WORD $(0x4e80a400 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMULL Vd.8H, Vn.8B, Vm.8B
#define SMULL(Vd, Vn, Vm) WORD $(0x0e20c000 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMULL2 Vd.8H, Vn.16B, Vm.16B
#define SMULL2(Vd, Vn, Vm) WORD $(0x4e20c000 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMLAL Vd.8H, Vn.8B, Vm.8B
#define SMLAL(Vd, Vn, Vm) WORD $(0x0e208000 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SMLAL2 Vd.8H, Vn.16B, Vm.16B
#define SMLAL2(Vd, Vn, Vm) WORD $(0x4e208000 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// SADALP Vd.4S, Vn.8H
#define SADALP(Vd, Vn) WORD $(0x4e606800 | ((Vn)<<5) | (Vd))
// SCVTF Vd.4S, Vn.4S
#define SCVTF(Vd, Vn) WORD $(0x4e21d800 | ((Vn)<<5) | (Vd))
// FCVTNS Vd.4S, Vn.4S
#define FCVTNS(Vd, Vn) WORD $(0x4e21a800 | ((Vn)<<5) | (Vd))
// FCVTL Vd.4S, Vn.4H
#define FCVTL(Vd, Vn) WORD $(0x0e217800 | ((Vn)<<5) | (Vd))
// FCVTL2 Vd.4S, Vn.8H
#define FCVTL2(Vd, Vn) WORD $(0x4e217800 | ((Vn)<<5) | (Vd))
// FMLA Vd.4S, Vn.4S, Vm.4S
#define FMLA(Vd, Vn, Vm) WORD $(0x4e20cc00 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FMUL Vd.4S, Vn.4S, Vm.4S
#define FMUL(Vd, Vn, Vm) WORD $(0x6e20dc00 | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FMUL Vd.4S, Vn.4S, Vm.S[lane]
#define FMULL(Vd, Vn, Vm, lane) WORD $(0x4f809000 | (((lane)&1)<<21) | (((lane)>>1)<<11) | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// FMLA Vd.4S, Vn.4S, Vm.S[lane]
#define FMLAL(Vd, Vn, Vm, lane) WORD $(0x4f801000 | (((lane)&1)<<21) | (((lane)>>1)<<11) | ((Vm)<<16) | ((Vn)<<5) | (Vd))
// UMAXV Sd, Vn.4S
#define UMAXV(Vd, Vn) WORD $(0x6eb0a800 | ((Vn)<<5) | (Vd))
// XTN Vd.4H, Vn.4S
#define XTN4H(Vd, Vn) WORD $(0x0e612800 | ((Vn)<<5) | (Vd))
// XTN2 Vd.8H, Vn.4S
#define XTN8H(Vd, Vn) WORD $(0x4e612800 | ((Vn)<<5) | (Vd))
// XTN Vd.8B, Vn.8H
#define XTN8B(Vd, Vn) WORD $(0x0e212800 | ((Vn)<<5) | (Vd))
// XTN2 Vd.16B, Vn.8H
#define XTN16B(Vd, Vn) WORD $(0x4e212800 | ((Vn)<<5) | (Vd))

// Not an exclusive or, which would wait for what the register held.
#define ZERO(v) VMOVI $0, v.B16
