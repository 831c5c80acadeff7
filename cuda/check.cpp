#include "cuda/check.h"

namespace honeybee::cuda {

void fail_cuda(cudaError_t status, const char* call, const char* file, int line) {
  // Else the error would be reported again by the next launch.
  cudaGetLastError();
  const ErrorCode code = status == cudaErrorMemoryAllocation ? ErrorCode::kOutOfMemory : ErrorCode::kDevice;
  fail(code, "CUDA: ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ") in ", call, ", ", file,
       ":", line);
}

}  // namespace honeybee::cuda
