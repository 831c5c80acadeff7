#pragma once
#include <cstdint>
#include <memory>

#include "core/sampling.h"
#include "cuda/cuda.h"

namespace honeybee::cuda {

/// A SamplingRow as kernels read it; lists are ranges of the batch's common array.
struct SamplingParameters {
  float temperature;
  float top_p;
  float min_p;
  float repetition_penalty;
  float presence_penalty;
  float frequency_penalty;
  int32_t top_k;
  int32_t no_repeat_ngram_size;
  uint32_t seed[2];
  uint32_t position[2];
  uint32_t sequence;
  int32_t history_begin;
  int32_t history_count;
  int32_t banned_begin;
  int32_t banned_count;
  int32_t bias_begin;  ///< tokens; their floats follow behind all of them
  int32_t bias_count;
  int32_t allowed_begin;  ///< words of bits
  int32_t allowed_count;  ///< 0: all tokens are allowed
};

/// A SamplingBatch with its arrays on the device, rewritten in place on the stream.
class DeviceSamplingBatch final : public SamplingBatch {
 public:
  explicit DeviceSamplingBatch(Cuda& cuda) : cuda_(cuda) {}

  void set(std::span<const SamplingRow> rows) override;
  const SamplingParameters* parameters() const;
  const int32_t* lists() const;

 private:
  // Memory of at least so many bytes, that a recording may use as long as it does not grow.
  void reserve(std::unique_ptr<DeviceMemory>& memory, size_t bytes);

  Cuda& cuda_;
  std::unique_ptr<DeviceMemory> parameters_;
  std::unique_ptr<DeviceMemory> lists_;
};

}  // namespace honeybee::cuda
