#pragma once
#include "core/profile.h"
#include "engine/step_trace.h"

namespace honeybee {

/// Who is told of the phases of requests: each may be null.
struct PhaseListeners {
  StepTrace* steps = nullptr;
  ProfileRecorder* profile = nullptr;

  /// A request, numbered as they arrive, was in a phase.
  void tell(uint64_t request, Sequence::Phase phase, Clock::time_point begin, Clock::time_point end) const {
    static constexpr const char* kNames[] = {"queued", "image", "prefill", "decode"};
    if (phase == Sequence::Phase::kFinished) return;
    const char* name = kNames[static_cast<size_t>(phase)];
    if (steps != nullptr) steps->phase(request, name, begin, end);
    if (profile != nullptr) profile->phase(request, name, begin, end);
  }
};

}  // namespace honeybee
