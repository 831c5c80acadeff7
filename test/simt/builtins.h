#pragma once
#include "vectors.h"

/// The variables that CUDA predefines in kernels. They live in thread-local storage of the OS thread and are
/// rewritten whenever another CUDA thread continues on it.
/// The storage model makes a read one instruction even from a library that was opened late.
#define SIMT_THREAD_LOCAL extern constinit thread_local __attribute__((tls_model("initial-exec")))
SIMT_THREAD_LOCAL uint3 threadIdx;
SIMT_THREAD_LOCAL uint3 blockIdx;
SIMT_THREAD_LOCAL dim3 blockDim;
SIMT_THREAD_LOCAL dim3 gridDim;
inline constexpr int warpSize = 32;
