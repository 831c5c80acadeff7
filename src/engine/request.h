#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/resize_plan.h"
#include "core/sampling.h"
#include "grammar/token_masks.h"
#include "model/weights.h"

namespace honeybee {

/// An image of a request: pixels to encode, or visual tokens from an earlier encoding.
struct ImageInput {
  std::vector<uint8_t> rgb;          ///< [S, S, 3], or what `resize` makes that of: [height, width, 3]
  std::optional<ResizePlan> resize;  ///< for the device to do
  std::vector<float> tokens;         ///< [M + K, D]; used when not empty
};

/// One of the answers that a beam search found.
struct Hypothesis {
  std::vector<int32_t> tokens;  ///< without the stop token
  double score = 0.0;    ///< sum of log-probabilities / length^length_penalty, the stop token counted in
  bool stopped = false;  ///< by a stop token
};

/// One prompt to continue, or, without ids, images to encode.
struct Request {
  uint64_t id = 0;
  std::vector<int32_t> ids;  ///< -1 at every visual position; the images fill them in order
  std::vector<ImageInput> images;
  SamplingOptions sampling;
  std::vector<int32_t> history;  ///< tokens that the penalties see from the start
  std::vector<int32_t> stop_tokens;
  int64_t max_tokens = 0;
  int64_t min_tokens = 0;
  enum class EarlyStopping {
    kNo,     ///< when no beam can become better at its present length
    kYes,    ///< as soon as there are as many answers as beams
    kNever,  ///< when no beam can become better at any length
  };
  struct Beams {
    int32_t count = 1;  ///< above 1: beam search; its answers come with the end
    int32_t answers = 1;
    float length_penalty = 1.0f;
    EarlyStopping early_stopping = EarlyStopping::kNo;
  };
  Beams beams;
  /// Tokens that a step may guess and verify (prompt_lookup.h); 0: none. The answer stays what it is without,
  /// where a row's bits do not depend on the rows beside it. Without effect on beams and beside a format.
  int32_t prompt_lookup = 0;
  std::shared_ptr<grammar::TokenMasks> format;  ///< what the answer must be like; null: anything
  int32_t logprobs = -1;                        ///< -1: none; n: of the token and the n likeliest
  int32_t prompt_logprobs = -1;  ///< the same of the prompt's tokens, which is then computed whole
  bool trace = false;            ///< keep the reference points of encoding and prefill
  int64_t raw_logits = 0;        ///< keep the logits of the first steps, before any warper
  uint64_t salt = 0;     ///< what was computed for requests with another number does not serve this one
  int32_t priority = 0;  ///< larger goes first; a level outweighs a minute of waiting
  int64_t timeout = 0;   ///< milliseconds from submission to the end, else kOverloaded; 0: none
};

struct Timings {
  double queued_ms = 0.0;
  double encode_ms = 0.0;
  double prefill_ms = 0.0;
  double decode_ms = 0.0;
};

/// Log-probabilities of a prompt's tokens, each given those before it; NaN where there is none: for the first
/// and at visual positions.
struct PromptLogprobs {
  std::vector<float> logprobs;      ///< [P]
  std::vector<int32_t> top_tokens;  ///< [P, n], the likeliest at each position, likeliest first
  std::vector<float> top_logprobs;  ///< [P, n]
};

struct TraceTensor {
  std::string name;
  TensorShape shape;
  std::vector<float> values;
};

/// What an engine tells its users. Events of one step arrive together.
struct Event {
  enum class Kind { kProgress, kReady, kToken, kEnd, kClosed };
  Kind kind = Kind::kToken;
  uint64_t request = 0;

  // kProgress: bytes of weights read.
  size_t bytes = 0;

  // kToken
  int32_t token = 0;
  bool has_logprob = false;
  float logprob = 0.0f;
  std::vector<TokenLogprob> most;

  // kEnd; also kClosed when loading failed
  enum class Reason { kStop, kLength, kAbort, kError };
  Reason reason = Reason::kStop;
  ErrorCode code = ErrorCode::kDevice;
  std::string message;
  Timings timings;
  int64_t cached_tokens = 0;  ///< of the prompt, found in the prefix cache
  std::vector<TraceTensor> trace;
  std::vector<float> raw_logits;       ///< [steps kept, V]
  PromptLogprobs prompt_logprobs;      ///< empty unless asked for and computed
  std::vector<Hypothesis> hypotheses;  ///< of a beam search, best first
  std::vector<float> visual_tokens;    ///< of a request without ids: [images·(M + K), D]

  static Event end(uint64_t request, Reason reason) {
    Event event;
    event.kind = Kind::kEnd;
    event.request = request;
    event.reason = reason;
    return event;
  }
};

/// Receives events on the engine's thread; must return quickly and may not throw.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void deliver(std::vector<Event> events) = 0;
};

}  // namespace honeybee
