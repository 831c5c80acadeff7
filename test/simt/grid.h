#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <functional>
#include <tuple>

namespace honeybee::simt {

/// A kernel with its arguments, ready to run any number of times.
struct Launch {
  const char* kernel;  ///< its name, for messages and counts
  dim3 grid;
  dim3 block;
  size_t shared_bytes;         ///< of dynamic shared memory
  std::function<void()> body;  ///< what one thread does
};

/// The name of the kernel at this address, demangled, without return type and parameters:
/// "honeybee::cuda::rms_norm_kernel<float, 256>". Lives as long as the process.
const char* kernel_name(const void* kernel);

/// Arguments are converted to the kernel's parameter types, by value and decayed: the caller's variables may
/// be gone when the kernel runs, and a host array must arrive as a pointer.
template <class... Parameters, class... Arguments>
Launch make_launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                   const Arguments&... arguments) {
  std::tuple<Parameters...> parameters(static_cast<Parameters>(arguments)...);
  return {.kernel = kernel_name(reinterpret_cast<const void*>(kernel)),
          .grid = grid,
          .block = block,
          .shared_bytes = shared_bytes,
          .body = [kernel, parameters] { std::apply(kernel, parameters); }};
}

/// Throws KernelFault if no device could start this.
void check_limits(const Launch& launch);

/// Checks the limits and puts the launch on the stream.
void submit(Launch launch, cudaStream_t stream);

/// Runs every block, in the order of the schedule, and looks for damage to device memory. Throws KernelFault
/// at the first fault.
void run(const Launch& launch);

}  // namespace honeybee::simt
