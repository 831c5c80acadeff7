#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/image_cache.h"
#include "engine/phases.h"
#include "engine/scheduler.h"
#include "engine/step.h"
#include "engine/step_trace.h"

namespace honeybee {

/// What exists once loading is done; destroyed in reverse order, the device last.
struct Engine::Loaded {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Backend>
      side;  ///< encodes images while others decode; null if the device has no such thing
  Vlm model;
  std::unique_ptr<KvCache> cache;
  std::unique_ptr<PagedBatch> batch;
  std::unique_ptr<SamplingBatch> sampling;
  std::unique_ptr<Readback> readback;  ///< of what steps chose
  std::unique_ptr<Memory> last;        ///< the last token of each row of a decoding step, i32
  Arena arena;
  Arena side_arena;
  Arena
      pictures;  ///< before they are resized; apart, because a recorded pass wants the same tensors each time
  Scheduler scheduler;
  ImageCache images;
  std::unique_ptr<StepTrace> steps;          ///< null unless somebody wants to see them
  std::unique_ptr<ProfileRecorder> profile;  ///< null unless one is taken
  PhaseListeners listeners;                  ///< those two

  /// Images on their way through the vision tower.
  struct Encoding {
    std::vector<std::shared_ptr<EncodedImage>> images;
    std::unique_ptr<Mark> mark;
    std::optional<Arena::Scope> scope;
    Clock::time_point begin;
    size_t singly = 0;  ///< so many are encoded one by one, to find the one that made a batch fail
  };
  Encoding encoding;
  std::optional<Step> under_way;  ///< a step whose tokens were chosen and are not read yet

  Tensor last_tokens(int64_t rows) const { return {last->data(), Dtype::kI32, rows, 1, 1}; }
  Backend& encoder() { return side ? *side : *backend; }
  Arena& encoder_arena() { return side ? side_arena : arena; }
};

}  // namespace honeybee
