#include "cuda/memory.h"

#include <algorithm>

#include "cuda/check.h"

namespace honeybee::cuda {

void Budget::take(size_t bytes) {
  const size_t used = used_ += bytes;
  if (limit_ == 0 || used <= limit_) return;
  used_ -= bytes;
  fail(ErrorCode::kOutOfMemory, "the GPU memory allowed is ", limit_, " bytes, ", used - bytes,
       " of them are taken and ", bytes, " more were asked for");
}

size_t Budget::free() const {
  size_t free_bytes = 0;
  size_t total = 0;
  HB_CUDA(cudaMemGetInfo(&free_bytes, &total));
  const size_t used = used_;
  return limit_ == 0 ? free_bytes : std::min(free_bytes, limit_ > used ? limit_ - used : 0);
}

DeviceMemory::DeviceMemory(Budget& budget, size_t bytes, cudaStream_t stream)
    : budget_(budget), bytes_(bytes) {
  if (bytes == 0) return;
  budget_.take(bytes);
  const cudaError_t status = cudaMalloc(&data_, bytes);
  if (status == cudaSuccess) {
    const cudaError_t zeroed = cudaMemsetAsync(data_, 0, bytes, stream);
    if (zeroed == cudaSuccess) return;
    cudaFree(data_);
    budget_.give_back(bytes);
    fail_cuda(zeroed, "cudaMemsetAsync", __FILE__, __LINE__);
  }
  budget_.give_back(bytes);
  cudaGetLastError();
  require(status == cudaErrorMemoryAllocation, ErrorCode::kDevice, "CUDA: ", cudaGetErrorString(status),
          " while allocating ", bytes, " bytes");
  fail(ErrorCode::kOutOfMemory, "the GPU has no ", bytes,
       " bytes left; choose smaller weights, a shorter context or fewer sequences");
}

DeviceMemory::~DeviceMemory() {
  if (data_ == nullptr) return;
  // At exit the runtime may be gone already; there is nobody to tell and nothing left to free.
  cudaFree(data_);
  budget_.give_back(bytes_);
}

}  // namespace honeybee::cuda
