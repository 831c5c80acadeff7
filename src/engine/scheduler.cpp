#include "engine/scheduler.h"

#include <algorithm>

namespace honeybee {

std::vector<int64_t> plan_step(std::span<const Demand> demands, const SchedulerLimits& limits) {
  std::vector<int64_t> rows(demands.size(), 0);
  for (size_t i = 0; i < demands.size(); i++) {
    if (demands[i].alone && demands[i].rows > 0) {
      rows[i] = demands[i].rows;
      return rows;
    }
  }
  bool decoding = false;
  for (size_t i = 0; i < demands.size(); i++) {
    if (!demands[i].prefill && demands[i].rows > 0) {
      rows[i] = demands[i].rows;
      decoding = true;
    }
  }
  int64_t budget = decoding ? limits.mixed_prefill_rows : limits.prefill_rows;
  for (size_t i = 0; i < demands.size() && budget > 0; i++) {
    if (!demands[i].prefill) continue;
    rows[i] = std::min(budget, demands[i].rows);
    budget -= rows[i];
  }
  return rows;
}

}  // namespace honeybee
