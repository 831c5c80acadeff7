#pragma once
#include <cuda_runtime.h>

#include <memory>

#include "cuda/cuda.h"
#include "statistics.h"

namespace honeybee::cuda {

/// Counts what the kernels of each operation do; times of a simulation mean nothing. Each operation ends
/// before the next one begins.
class CountingMeter final : public OpMeter {
 public:
  CountingMeter(Cuda& cuda, ProfileRecorder& recorder) : cuda_(cuda), recorder_(recorder) {}

  void begin(uint32_t /*op*/) override {
    HB_CUDA(cudaStreamSynchronize(cuda_.stream));
    before_ = simt::launched();
  }
  void end(uint32_t op) override {
    // A fault is told to whoever waits for the stream next.
    cudaStreamSynchronize(cuda_.stream);
    const simt::Statistics now = simt::launched();
    const uint64_t loaded = now.ldmatrix - before_.ldmatrix;
    const uint64_t copied = now.async_copies - before_.async_copies;
    const OpCounts counts{.instructions = now.barriers - before_.barriers + now.collectives -
                                          before_.collectives + copied / kWarp,
                          .bytes = kCopy * copied + kMatrices * loaded,
                          .bank_conflicts = now.bank_conflicts - before_.bank_conflicts};
    recorder_.measure(op, {recorder_.elapsed(), std::nullopt, counts}, ProfileClock::kNone);
  }
  void tell() override {}

 private:
  static constexpr uint64_t kCopy = 16;       ///< bytes of a cp.async
  static constexpr uint64_t kMatrices = 512;  ///< bytes of the four 8×8 matrices of an ldmatrix
  static constexpr uint64_t kWarp = 32;       ///< copies are counted by thread, all else by warp or block

  Cuda& cuda_;
  ProfileRecorder& recorder_;
  simt::Statistics before_;
};

inline std::unique_ptr<OpMeter> make_meter(Cuda& cuda, ProfileRecorder& recorder) {
  return std::make_unique<CountingMeter>(cuda, recorder);
}

}  // namespace honeybee::cuda
