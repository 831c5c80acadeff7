#pragma once
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "engine/beam_search.h"
#include "engine/content_hash.h"
#include "engine/request.h"
#include "grammar/constraint.h"

namespace honeybee {

struct EncodedImage;
struct PhaseListeners;

using Clock = std::chrono::steady_clock;

inline double milliseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// A block that has to be copied to another.
struct BlockCopy {
  int32_t from = 0;
  int32_t to = 0;
};

/// A request on its way through the engine: waiting → encoding its images → prefill → decode → finished. From
/// each of them it may go back to waiting, when its blocks are given to another.
struct Sequence {
  enum class Phase { kWaiting, kEncode, kPrefill, kDecode, kFinished };

  Sequence(Request r, std::shared_ptr<EventSink> s);

  Request request;
  std::shared_ptr<EventSink> sink;
  Phase phase = Phase::kWaiting;

  int64_t prompt_length = 0;
  std::vector<int64_t> image_ends;  ///< of each image, the position behind its last visual token
  std::vector<int32_t> generated;   ///< tokens so far; the last one is not in the cache yet
  std::vector<int32_t> drafted;     ///< guesses at the tokens that follow, which the next step verifies
  std::vector<int32_t> history;  ///< what the penalties see: the request's, then those so far, then drafted
  std::unique_ptr<BeamSearch>
      search;  ///< whose beams go on behind the prompt; null: one answer, in `generated`
  std::unique_ptr<grammar::Constraint> constraint;  ///< where the answer stands in its format; null: anything

  // Kept by the scheduler.
  double rank = 0.0;     ///< smaller ranks go first
  uint64_t arrival = 0;  ///< among equal ranks
  double deadline = std::numeric_limits<double>::infinity();
  int64_t computed = 0;  ///< positions whose keys and values are in the cache
  int64_t cached = -1;   ///< those of them that were there when it was first admitted
  std::vector<int32_t> blocks;
  std::vector<std::vector<int32_t>>
      beam_blocks;                ///< of each live beam, once the prompt is computed; then `blocks` is empty
  std::vector<BlockCopy> copies;  ///< that must be made before the next step, for beams that part
  std::vector<ContentHash> contents;  ///< of positions 0 … 16·(i + 1) - 1, as far as they are known
  int64_t contents_visual = 0;        ///< visual positions among them
  ContentHash prompt_content;         ///< of the whole prompt
  ContentHash held_by;                ///< what it waits for another sequence to compute
  bool held = false;

  std::vector<ContentHash> image_contents;            ///< of each image
  std::vector<std::shared_ptr<EncodedImage>> visual;  ///< of each image while prefill needs it, else null

  const PhaseListeners* listeners = nullptr;  ///< told of its phases once it has arrived
  Clock::time_point since;                    ///< start of the current phase
  Timings timings;
  std::vector<TraceTensor> trace;
  std::vector<float> raw_logits;
  PromptLogprobs prompt_logprobs;
  std::vector<float> visual_tokens;

  /// The token at a position: of the prompt, else generated, else drafted.
  int32_t token(int64_t position) const {
    if (position < prompt_length) return request.ids[static_cast<size_t>(position)];
    const auto place = static_cast<size_t>(position - prompt_length);
    return place < generated.size() ? generated[place] : drafted[place - generated.size()];
  }
  int64_t length() const { return prompt_length + static_cast<int64_t>(generated.size()); }
  /// Rows of a step that it may need.
  int64_t width() const { return request.beams.count; }
  /// Whether the reference points of its images and prompt are still to be recorded.
  bool traced() const { return request.trace && generated.empty(); }
  /// Whether the log-probabilities of its prompt are still to be found.
  bool scores_prompt() const { return request.prompt_logprobs >= 0 && generated.empty(); }
  /// Whether every position of its prompt has to be computed for it.
  bool needs_whole_prompt() const { return traced() || scores_prompt(); }
  /// Takes the logits [V] of what may stand at a position of the prompt.
  void score_prompt(int64_t position, std::span<const float> logits);
  /// Whether the prompt behind what is computed already needs this image.
  bool needs_image(size_t image) const { return prompt_length == 0 || image_ends[image] > computed; }

  /// Guesses the next tokens, at most `most`, where the request wants that and they can be verified.
  void draft(int64_t most);
  void forget_draft();
  /// Appends the token that was chosen.
  void take(int32_t token);

  /// How the next token is to be chosen, or the one after `ahead` drafted ones; points into this sequence.
  SamplingRow sampling_row(int64_t ahead) const {
    const int64_t step = std::ssize(generated) + ahead;
    const std::span past(history.data(), request.history.size() + static_cast<size_t>(step));
    SamplingRow row{&request.sampling, past, {}, static_cast<uint64_t>(step), {}};
    if (constraint) row.allowed = constraint->mask(request.max_tokens - step, request.stop_tokens);
    // A document that is complete ends the answer, however short.
    const bool must_end = constraint && !constraint->can_go_on();
    if (step < request.min_tokens && !must_end) row.banned = request.stop_tokens;
    return row;
  }
  /// Whether the logits of the next token, or of the one after `ahead` drafted ones, have to come to the
  /// host.
  bool wants_logits(int64_t ahead) const {
    return search || request.logprobs >= 0 || std::ssize(generated) + ahead < request.raw_logits;
  }

  /// Whether what it computes next depends on the next token in more than its embedding.
  bool waits_for_token() const { return search || request.prompt_lookup > 0; }

  /// Ends the current phase, adding its time to the right timing, and enters the next.
  void enter(Phase next);
};

}  // namespace honeybee
