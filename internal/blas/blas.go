// Package blas calls the SGEMM of a BLAS library that is found at run time: OpenBLAS, Accelerate, or another with the C interface.
// It is in programs built with the tag blas only. Whatever calls C without a C compiler needs the system's loader: with
// it a program for Linux is no longer static.
package blas

import "errors"

// ErrLibrary is wrapped by the errors of Open.
var ErrLibrary = errors.New("no BLAS library")

// Gemm sets y[n, rows] = x[n, cols]·w[rows, cols]ᵀ; rows lie ldy, ldx and ldw elements apart. In which order it adds is the library's
// business, and may depend on the CPU, the sizes and the number of threads.
type Gemm func(y, x, w []float32, n, rows, cols, ldy, ldx, ldw int)
