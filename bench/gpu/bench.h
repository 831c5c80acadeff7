#pragma once
#include <functional>
#include <string>

#include "model/random_store.h"
#include "model/run.h"
#include "options.h"
#include "report.h"
#include "support/device.h"
#include "workload.h"

namespace honeybee::gpu {

/// What every measurement needs.
struct Bench {
  Backend& backend;
  size_t device_memory;  ///< bytes that the device has
  const Workload& workload;
  Dtype weights;  ///< of the decoder's layers
  DeviceRates rates;
  Report& report;
  RandomStore store{1};
  size_t weight_bytes = 0;  ///< of everything loaded so far

  /// Of everything else: codes are for the decoder.
  Dtype floats() const { return is_quantized(weights) ? Dtype::kBF16 : weights; }
  /// Of the decoder's head: logits deserve more than 4 bits.
  Dtype head() const { return weights == Dtype::kInt4 ? Dtype::kInt8 : weights; }
  /// The dtype of the KV cache: f32 beside f32 weights, else bf16.
  Dtype kv_dtype() const { return weights == Dtype::kF32 ? Dtype::kF32 : Dtype::kBF16; }

  /// Seconds of one `call`: the median of samples of as many calls as fill the workload's sample time, by the
  /// host's clock, up to where `wait` returns, which awaits the device. The first three calls, in which a
  /// device allocates, chooses plans and records, do not count.
  double median_seconds(const std::function<void()>& call, const std::function<void()>& wait) const;

  /// Adds the row that `measure` completes; where memory does not suffice, says so in its place.
  void measure(Row row, const std::function<void(Row&)>& measure) const;
};

/// A loader of the bench's random weights with progress on stderr, about once a gigabyte.
WeightLoader progress_loader(Bench& bench, const char* what);

}  // namespace honeybee::gpu
