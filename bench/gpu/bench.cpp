#include "bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace honeybee::gpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWarmUps = 3;
constexpr int kMostCalls = 1 << 16;
constexpr size_t kProgressBytes = size_t{1} << 30;

}  // namespace

double Bench::median_seconds(const std::function<void()>& call, const std::function<void()>& wait) const {
  const auto seconds = [&](int calls) {
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < calls; i++) call();
    wait();
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  for (int i = 0; i < kWarmUps; i++) seconds(1);
  int calls = 1;
  while (seconds(calls) < workload.sample_seconds && calls < kMostCalls) calls *= 2;
  std::vector<double> samples;
  for (int i = 0; i < workload.samples; i++) samples.push_back(seconds(calls) / calls);
  const auto middle = samples.begin() + static_cast<ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

void Bench::measure(Row row, const std::function<void(Row&)>& measure) const {
  try {
    measure(row);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory) throw;
    report.missing(row, error.what());
    return;
  }
  report.row(row);
}

WeightLoader progress_loader(Bench& bench, const char* what) {
  return WeightLoader(&bench.backend, &bench.store, [what, next = kProgressBytes](size_t bytes) mutable {
    if (bytes < next) return;
    std::fprintf(stderr, "%s: %.1f GiB loaded\n", what, static_cast<double>(bytes) / 0x1p30);
    next = bytes + kProgressBytes;
  });
}

}  // namespace honeybee::gpu
