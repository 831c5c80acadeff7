#pragma once
#include <cstddef>
#include <cstdint>

namespace honeybee {

/// What an engine is doing and has done so far; counters never fall.
struct EngineStats {
  int64_t waiting = 0;
  int64_t running = 0;
  int64_t blocks_free = 0;    ///< of the KV cache: nobody's, without content
  int64_t blocks_cached = 0;  ///< nobody's, kept because a prompt may begin the same
  int64_t blocks_used = 0;
  size_t image_bytes = 0;  ///< of visual tokens kept for their images

  int64_t steps = 0;          ///< of the language model
  int64_t steps_ahead = 0;    ///< of those, asked for before the tokens of the one before were read
  double busy_ms = 0.0;       ///< in turns of the engine's thread that did something
  double model_ms = 0.0;      ///< of those, in steps and images; the rest is scheduling and delivery
  int64_t prompt_tokens = 0;  ///< of the prompts that were admitted
  int64_t cached_tokens = 0;  ///< of those, found in the prefix cache
  int64_t generated_tokens = 0;
  int64_t drafted_tokens = 0;   ///< guessed and computed
  int64_t accepted_tokens = 0;  ///< of those, part of an answer
  int64_t block_evictions = 0;
  int64_t preemptions = 0;
  int64_t images_encoded = 0;
  int64_t image_hits = 0;  ///< images asked for that were encoded already, or just then
  int64_t image_evictions = 0;
};

}  // namespace honeybee
