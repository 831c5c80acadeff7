#pragma once
#include <memory>

#include "engine/engine.h"

namespace honeybee {

/// What exists once loading is done; destroyed in reverse order, the device last.
struct Engine::Loaded {
  std::unique_ptr<Backend> backend;
  Vlm model;
  std::unique_ptr<KvCache> cache;
  std::unique_ptr<PagedBatch> batch;
  std::unique_ptr<SamplingBatch> sampling;
  KvBlocks blocks;
  Arena arena;
  int64_t positions;  ///< of the longest sequence: the context, or less if memory allows only that

  Run run(const Trace* trace, const std::atomic<bool>* interrupt) {
    return {*backend, arena, trace, interrupt};
  }
};

}  // namespace honeybee
