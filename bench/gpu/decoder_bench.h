#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bench.h"
#include "model/llama.h"

namespace honeybee::gpu {

/// The language model: prompts of one sequence in one step, and decoding steps of several.
class DecoderBench {
 public:
  /// Loads it; its weights stay on the device as long as this lives.
  explicit DecoderBench(Bench& bench);
  void prefill(int64_t tokens) const;
  /// Steps of so many sequences, each with the workload's context behind it.
  void decode(int64_t sequences);
  /// What the device held during the largest batch that was decoded; nothing if none was.
  void memory() const;

 private:
  class Step;

  double time_prefill(int64_t tokens) const;
  double time_decode(int64_t sequences);

  Bench& bench_;
  WeightLoader loader_;
  Llama llama_;
  size_t used_ = 0;
  size_t kv_bytes_ = 0;
};

}  // namespace honeybee::gpu
