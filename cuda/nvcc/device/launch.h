#pragma once
#include <cuda_runtime.h>

#include <cstddef>

#include "cuda/check.h"

namespace honeybee::cuda {

/// Starts a kernel on a stream; throws if it cannot start. Dynamic shared memory above 48 KiB is opted into.
/// Arguments are converted to the kernel's parameter types. (test/simt has the twin of this header that runs
/// the blocks on the host.)
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
            const Arguments&... arguments) {
  constexpr size_t kWithoutOptIn = 48 * 1024;
  if (shared_bytes > kWithoutOptIn) {
    HB_CUDA(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                 cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shared_bytes)));
  }
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  HB_CUDA(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...));
}

}  // namespace honeybee::cuda
