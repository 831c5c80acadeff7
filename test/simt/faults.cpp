#include "faults.h"

#include <cstdlib>
#include <utility>

namespace honeybee::simt {
namespace {

struct Kind {
  const char* name;
  cudaError_t error;  ///< unless another is asked for
};

// In the order of Injections::Slot.
constexpr Kind kKinds[] = {{"allocation", cudaErrorMemoryAllocation},
                           {"launch", cudaErrorLaunchFailure},
                           {"copy", cudaErrorInvalidValue},
                           {"synchronize", cudaErrorLaunchFailure},
                           {"other", cudaErrorUnknown},
                           {"any", cudaErrorUnknown},
                           {"kernel", cudaErrorLaunchFailure},
                           {"lost", cudaErrorDevicesUnavailable}};

}  // namespace

std::optional<Injections::Slot> Injections::slot_named(const std::string& kind) {
  static_assert(std::size(kKinds) == kSlots);
  for (int i = 0; i < kSlots; i++) {
    if (kind == kKinds[i].name) return static_cast<Slot>(i);
  }
  return std::nullopt;
}

std::optional<Injections::Slot> Injections::slot_of(Call call) {
  switch (call) {
    case Call::kAllocation:
      return kAllocation;
    case Call::kLaunch:
      return kLaunch;
    case Call::kCopy:
      return kCopy;
    case Call::kSynchronize:
      return kSynchronize;
    case Call::kOther:
      return kOther;
    case Call::kKernel:
      return kKernel;
    case Call::kRelease:
      break;
  }
  return std::nullopt;
}

bool Injections::set(const std::string& what, int64_t at) {
  const size_t colon = what.find(':');
  const std::optional<Slot> slot = slot_named(what.substr(0, colon));
  if (!slot) return false;
  State& state = slots_[*slot];
  state.fails_at = at > 0 ? state.calls + at : 0;
  state.error = colon == std::string::npos
                    ? kKinds[*slot].error
                    : static_cast<cudaError_t>(std::strtol(what.c_str() + colon + 1, nullptr, 10));
  return true;
}

int64_t Injections::calls(const std::string& what) const {
  const std::optional<Slot> slot = slot_named(what);
  return slot && *slot != kLost ? slots_[*slot].calls : -1;
}

std::optional<cudaError_t> Injections::count(Call call) {
  State& lost = slots_[kLost];
  const std::optional<Slot> slot = slot_of(call);
  if (call == Call::kKernel) {
    State& state = slots_[kKernel];
    state.calls++;
    return state.due() ? std::optional(state.error) : std::nullopt;
  }
  if (slot) {
    lost.calls++;
    slots_[kAny].calls++;
    slots_[*slot].calls++;
  }
  if (lost.fails_at > 0 && lost.calls >= lost.fails_at) return lost.error;
  if (!slot) return std::nullopt;
  for (const State& state : {slots_[*slot], slots_[kAny]}) {
    if (state.due()) return state.error;
  }
  return std::nullopt;
}

}  // namespace honeybee::simt
