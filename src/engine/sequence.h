#pragma once
#include <chrono>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "engine/request.h"

namespace honeybee {

using Clock = std::chrono::steady_clock;

inline double milliseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// A request on its way through the engine: waiting → encoding its images → prefill → decode → finished.
struct Sequence {
  enum class Phase { kWaiting, kEncode, kPrefill, kDecode, kFinished };

  Sequence(Request r, std::shared_ptr<EventSink> s)
      : request(std::move(r)), sink(std::move(s)), since(Clock::now()) {
    prompt_length = static_cast<int64_t>(request.ids.size());
    history = request.history;
  }

  Request request;
  std::shared_ptr<EventSink> sink;
  Phase phase = Phase::kWaiting;
  bool cancelled = false;

  int64_t prompt_length = 0;
  int64_t computed = 0;            ///< positions whose keys and values are in the cache
  std::vector<int32_t> generated;  ///< tokens so far; the last one is not in the cache yet
  std::vector<int32_t> history;    ///< what the penalties see: the request's, then the tokens so far
  std::vector<int32_t> blocks;

  size_t encoded = 0;                           ///< images done
  std::vector<std::unique_ptr<Memory>> visual;  ///< of each image, freed when prefill has consumed them
  std::vector<Tensor> visual_rows;              ///< [M + K, D] views of them

  Clock::time_point since;  ///< start of the current phase
  Timings timings;
  std::vector<TraceTensor> trace;
  std::vector<float> raw_logits;
  std::vector<float> visual_tokens;

  /// The token at a position: of the prompt, else generated.
  int32_t token(int64_t position) const {
    return position < prompt_length ? request.ids[static_cast<size_t>(position)]
                                    : generated[static_cast<size_t>(position - prompt_length)];
  }
  int64_t length() const { return prompt_length + static_cast<int64_t>(generated.size()); }

  /// How the next token is to be chosen; points into this sequence.
  SamplingRow sampling_row() const {
    const auto step = static_cast<int64_t>(generated.size());
    const bool too_short = step < request.min_tokens;
    return {&request.sampling, history,
            too_short ? std::span(request.stop_tokens) : std::span<const int32_t>(),
            static_cast<uint64_t>(step)};
  }
  /// Whether the logits of the next token have to come to the host.
  bool wants_logits() const {
    return request.logprobs >= 0 || static_cast<int64_t>(generated.size()) < request.raw_logits;
  }

  /// Ends the current phase, adding its time to the right timing, and enters the next.
  void enter(Phase next);
};

}  // namespace honeybee
