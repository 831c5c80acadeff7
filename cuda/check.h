#pragma once
#include <cuda_runtime.h>

#include "core/error.h"

namespace honeybee::cuda {

/// Throws Error(kOutOfMemory) for want of memory, else Error(kDevice), naming the call and where it stands.
[[noreturn]] void fail_cuda(cudaError_t status, const char* call, const char* file, int line);

/// Every CUDA call goes through this.
#define HB_CUDA(call)                                                                                \
  do {                                                                                               \
    const cudaError_t hb_status = (call);                                                            \
    if (hb_status != cudaSuccess) ::honeybee::cuda::fail_cuda(hb_status, #call, __FILE__, __LINE__); \
  } while (false)

}  // namespace honeybee::cuda
