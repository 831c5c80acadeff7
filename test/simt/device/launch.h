#pragma once
#include <cuda_runtime.h>

#include <cstddef>

#include "cuda/check.h"
#include "grid.h"

namespace honeybee::cuda {

/// Puts a kernel on a stream; the simulator runs its blocks on the host when the stream gets there. Throws at
/// once what a device refuses at once (too many threads, too much shared memory).
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
            const Arguments&... arguments) {
  simt::submit(simt::make_launch(kernel, grid, block, shared_bytes, arguments...), stream);
}

}  // namespace honeybee::cuda
