#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"

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
  KvBlocks blocks;
  Arena arena;
  Arena side_arena;
  int64_t positions;  ///< of the longest sequence: the context, or less if memory allows only that

  std::vector<std::unique_ptr<Memory>> visual_pool;  ///< of visual tokens, one image each, to be used again

  /// Images on their way through the vision tower.
  struct Encoding {
    Sequence* sequence = nullptr;
    size_t images = 0;
    std::unique_ptr<Mark> mark;
    std::optional<Arena::Scope> scope;
  };
  Encoding encoding;

  Backend& encoder() { return side ? *side : *backend; }
  Arena& encoder_arena() { return side ? side_arena : arena; }
};

}  // namespace honeybee
