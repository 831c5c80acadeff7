#pragma once
#include "core/ranges.h"

namespace honeybee::cuda {

/// The ranges of the NVTX tool that this process runs under, null if there is none. Looked for once in the
/// life of the process, at the first call; any thread may call.
///
/// A tool (Nsight Systems, Nsight Compute) names a library in NVTX_INJECTION64_PATH, and whoever has ranges
/// to tell hands it tables of functions to fill in. That hand-shake is declared in nvtx.cpp and not taken
/// from NVTX's headers: it is what every version 3 of them must keep to, it is a page long, and so neither
/// the simulator, which is built where there is no CUDA toolkit, nor an incomplete toolkit lacks a header.
Ranges* nvtx_ranges();

}  // namespace honeybee::cuda
