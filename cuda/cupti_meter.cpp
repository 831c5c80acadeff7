#include "cuda/cupti_meter.h"

namespace honeybee::cuda {
namespace {

// From one time of CUPTI's clock to another, which may be before it.
double milliseconds(uint64_t from, uint64_t to) {
  return static_cast<double>(static_cast<int64_t>(to - from)) / 1e6;
}

}  // namespace

std::unique_ptr<CuptiMeter> CuptiMeter::start(const cupti::Functions& functions, ProfileRecorder& recorder,
                                              std::function<void()> wait) {
  auto activity = Activity::start(functions);
  if (activity == nullptr) return nullptr;
  return std::unique_ptr<CuptiMeter>(new CuptiMeter(std::move(activity), recorder, std::move(wait)));
}

void CuptiMeter::begin(uint32_t op) {
  ops_.push_back(op);
  begun_ = activity_->begin(op);
}

void CuptiMeter::end(uint32_t /*op*/) {
  if (begun_) activity_->end();
}

void CuptiMeter::tell() {
  if (ops_.empty()) return;
  wait_();
  const auto spans = activity_->collect();
  for (const uint32_t op : ops_) {
    const auto span = spans.find(op);
    if (span == spans.end()) {
      recorder_.lose(op, ProfileClock::kCupti);
      continue;
    }
    const auto [start, end] = span->second;
    recorder_.measure(
        op, {origin_ms_ + milliseconds(activity_->started(), start), milliseconds(start, end), std::nullopt},
        ProfileClock::kCupti);
  }
  recorder_.dropped(activity_->dropped());
  ops_.clear();
}

}  // namespace honeybee::cuda
