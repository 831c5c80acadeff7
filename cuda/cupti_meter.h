#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "cuda/activity.h"

namespace honeybee::cuda {

/// Times operations by CUPTI: from the start of the first kernel or copy of each to the end of its last, as
/// the device has it. One whose records are missing is lost (ProfileRecorder::lose).
class CuptiMeter final : public OpMeter {
 public:
  /// Null if CUPTI does not start. `wait` returns when the device has done what it was given, or throws.
  static std::unique_ptr<CuptiMeter> start(const cupti::Functions& functions, ProfileRecorder& recorder,
                                           std::function<void()> wait);

  void begin(uint32_t op) override;
  void end(uint32_t op) override;
  void tell() override;

 private:
  CuptiMeter(std::unique_ptr<Activity> activity, ProfileRecorder& recorder, std::function<void()> wait)
      : activity_(std::move(activity)),
        recorder_(recorder),
        wait_(std::move(wait)),
        origin_ms_(recorder.elapsed()) {}

  const std::unique_ptr<Activity> activity_;
  ProfileRecorder& recorder_;
  const std::function<void()> wait_;
  const double origin_ms_;  ///< of activity_->started(), since the recorder's start
  std::vector<uint32_t> ops_;
  bool begun_ = false;
};

}  // namespace honeybee::cuda
