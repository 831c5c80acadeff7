#pragma once

/// What the keywords of CUDA C++ mean to a host compiler. `__shared__` and `__constant__` are left out on
/// purpose: the simulator cannot watch such variables, and a kernel that uses them does not compile here.

// Visible, so that a launch can name the kernel by its symbol; not inlined, so that each has one.
#define __global__ __attribute__((visibility("default"), noinline))
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)
