#pragma once
#include <string>
#include <vector>

#include "engine/rates.h"
#include "model/config.h"

namespace honeybee::gpu {

/// The shapes that are measured, and how long.
struct Workload {
  std::string title;  ///< "7B, 224 px"
  VisionConfig vision;
  ProjectorConfig c_abs;
  ProjectorConfig d_abs;
  TextConfig text;

  std::vector<int64_t> images;     ///< encoded at once
  std::vector<int64_t> prompts;    ///< tokens of one prefill
  std::vector<int64_t> sequences;  ///< that decode together
  int64_t context = 0;             ///< positions that a decoding step attends to

  int samples = 0;              ///< of each row, whose median counts
  double sample_seconds = 0.0;  ///< at least; far above the cost of starting and awaiting work
  RateOptions rates;
};

/// Of the released models 7B-C-Abs-M144 and 7B-D-Abs-M144, or ("13b") 13B-C-Abs-M256 and 13B-D-Abs-M256
/// (paper, tables 6 and 7; lib/checkpoint/presets.ts). `tiny` keeps the structure and shrinks every size.
Workload make_workload(const std::string& model, bool tiny);

}  // namespace honeybee::gpu
