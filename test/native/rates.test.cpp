#include "engine/rates.h"

#include <cmath>
#include <vector>

#include "model/run.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

// Small enough for the slowest instruction set; an odd width, so that nothing is a whole number of tiles.
RateOptions small() {
  return {.stream_bytes = 1 << 14, .width = 67, .rows = 5, .samples = 3, .sample_seconds = 1e-4};
}

TEST_OP(rates_are_finite_and_positive) {
  std::vector<Dtype> dtypes = {Dtype::kF32, Dtype::kBF16, Dtype::kF16};
  if (backend.name() == "cpu") dtypes.insert(dtypes.end(), {Dtype::kInt8, Dtype::kInt4, Dtype::kFp8});
  for (const Dtype dtype : dtypes) {
    const DeviceRates rates = measure_rates(backend, dtype, small());
    for (const double rate : {rates.copy, rates.read, rates.product}) {
      EXPECT_TRUE(std::isfinite(rate) && rate > 0.0);
    }
  }
}

TEST_OP(rates_stop_when_interrupted) {
  const std::atomic<bool> interrupt{true};
  RateOptions options = small();
  options.interrupt = &interrupt;
  bool stopped = false;
  try {
    measure_rates(backend, Dtype::kBF16, options);
  } catch (const Interrupted&) {
    stopped = true;
  }
  EXPECT_TRUE(stopped);
}

TEST_OP(rates_refuse_nothing_to_measure) {
  RateOptions options = small();
  options.samples = 0;
  EXPECT_ERROR(measure_rates(backend, Dtype::kF32, options), ErrorCode::kOption, "samples");
}

}  // namespace
}  // namespace honeybee::testing
