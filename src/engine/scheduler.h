#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace honeybee {

/// What the scheduler knows of a running sequence: how many tokens it wants computed next.
struct Demand {
  int64_t rows =
      0;  ///< 1 while decoding; the rest of the prompt while prefilling; 0 when it has nothing to run
  bool prefill = false;
  bool alone = false;  ///< wants its whole prompt in a step of its own (traced requests)
};

struct SchedulerLimits {
  int64_t prefill_rows = 256;       ///< of a step when nobody decodes
  int64_t mixed_prefill_rows = 64;  ///< beside decoding sequences, which wait for the step to end
};

/// Rows of each sequence in the next step, in the order given (order of admission): every decoding sequence
/// gets its token, prompts share what is left of the budget first come, first served. Pure: it only counts.
std::vector<int64_t> plan_step(std::span<const Demand> demands, const SchedulerLimits& limits);

}  // namespace honeybee
