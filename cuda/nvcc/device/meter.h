#pragma once
#include <cuda_runtime.h>

#include <memory>
#include <utility>
#include <vector>

#include "cuda/cuda.h"
#include "cuda/cupti_meter.h"

namespace honeybee::cuda {

/// Times operations by events around each on its stream: the time between the two, which holds what it takes
/// to start the work.
class EventMeter final : public OpMeter {
 public:
  EventMeter(Cuda& cuda, ProfileRecorder& recorder) : cuda_(cuda), recorder_(recorder) {
    HB_CUDA(cudaEventRecord(origin_, cuda_.stream));
    HB_CUDA(cudaEventSynchronize(origin_));
    origin_ms_ = recorder.elapsed();
  }

  void begin(uint32_t op) override {
    if (used_ == spans_.size()) {
      if (used_ == kMostSpans) tell();
      if (used_ == spans_.size()) spans_.emplace_back();
    }
    spans_[used_].op = op;
    HB_CUDA(cudaEventRecord(spans_[used_].begin, cuda_.stream));
  }
  void end(uint32_t /*op*/) override {
    // Called while an exception passes too: what was not recorded is told as an error where it is read.
    cudaEventRecord(spans_[used_++].end, cuda_.stream);
  }

  void tell() override {
    if (used_ == 0) return;
    HB_CUDA(cudaEventSynchronize(spans_[used_ - 1].end));
    for (size_t i = 0; i < used_; i++) {
      const Span& span = spans_[i];
      float since = 0.0f;
      float duration = 0.0f;
      HB_CUDA(cudaEventElapsedTime(&since, origin_, span.begin));
      HB_CUDA(cudaEventElapsedTime(&duration, span.begin, span.end));
      recorder_.measure(span.op, {origin_ms_ + since, duration, std::nullopt}, ProfileClock::kEvents);
    }
    used_ = 0;
  }

 private:
  class TimedEvent {
   public:
    TimedEvent() { HB_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDefault)); }
    ~TimedEvent() {
      if (event_ != nullptr) cudaEventDestroy(event_);
    }
    TimedEvent(TimedEvent&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
    TimedEvent& operator=(TimedEvent&&) = delete;
    operator cudaEvent_t() const { return event_; }

   private:
    cudaEvent_t event_ = nullptr;
  };
  struct Span {
    TimedEvent begin;
    TimedEvent end;
    uint32_t op = 0;
  };
  /// More wait for the device, which costs little once in so many.
  static constexpr size_t kMostSpans = 4096;

  Cuda& cuda_;
  ProfileRecorder& recorder_;
  const TimedEvent origin_;
  double origin_ms_ = 0.0;  ///< of it, since the recorder's start
  std::vector<Span> spans_;
  size_t used_ = 0;
};

/// CUPTI's times where the machine has it and it starts, else those of events. (test/simt has the twin of
/// this header, whose meter counts and does not time.)
inline std::unique_ptr<OpMeter> make_meter(Cuda& cuda, ProfileRecorder& recorder) {
  const auto wait = [&cuda] { HB_CUDA(cudaStreamSynchronize(cuda.stream)); };
  if (const cupti::Search& found = cupti::search(); found.found()) {
    if (auto meter = CuptiMeter::start(found.functions, recorder, wait)) return meter;
  }
  return std::make_unique<EventMeter>(cuda, recorder);
}

}  // namespace honeybee::cuda
