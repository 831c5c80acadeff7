#pragma once
#include <cstddef>
#include <vector>

#include "cuda/check.h"
#include "grid.h"

/// What the simulator's own tests use to run a kernel.
namespace honeybee::simt {

/// Device memory with a host's values in it.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : count_(values.size()) {
    HB_CUDA(cudaMalloc(&data_, bytes()));
    HB_CUDA(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { static_cast<void>(cudaFree(data_)); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> copy(count_);
    HB_CUDA(cudaMemcpy(copy.data(), data_, bytes(), cudaMemcpyDeviceToHost));
    return copy;
  }

 private:
  size_t bytes() const { return count_ * sizeof(T); }
  T* data_ = nullptr;
  size_t count_;
};

/// Runs a kernel at once, past the streams, so that its fault arrives here and spoils no device.
template <class... Parameters, class... Arguments>
void run_now(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
             const Arguments&... arguments) {
  const Launch launch = make_launch(kernel, grid, block, shared_bytes, arguments...);
  check_limits(launch);
  run(launch);
}

}  // namespace honeybee::simt
