// What becomes of the tokens that a step chose: answers go on, fork and end.
#include <algorithm>

#include "engine/loaded.h"

namespace honeybee {

// Whether the answer has come to the row behind this many drafted tokens: then the last of them is the very
// token that was chosen, and what the step computed for it counts. Else what was guessed is worth nothing.
bool Engine::accept_draft(Sequence& sequence, int64_t ahead) {
  const auto guess = static_cast<size_t>(ahead - 1);
  if (guess >= sequence.drafted.size()) return false;
  if (sequence.phase != Sequence::Phase::kDecode || sequence.drafted[guess] != sequence.generated.back()) {
    sequence.forget_draft();
    return false;
  }
  counts_.accepted_tokens++;
  loaded_->scheduler.advance(sequence, 1);
  return true;
}

// A twin of a sequence whose prefill has just ended goes on from there.
bool Engine::fork(const Sequence& sequence, Sequence& twin) {
  std::vector<BlockCopy> copies;
  if (!loaded_->scheduler.fork(sequence, twin, copies)) return false;
  for (const auto& [from, to] : copies) loaded_->backend->copy_block(*loaded_->cache, from, to);
  return true;
}

void Engine::enter_decode(Sequence& sequence) {
  if (sequence.phase != Sequence::Phase::kPrefill) return;
  sequence.enter(Sequence::Phase::kDecode);
  release_visual(sequence);
}

// Takes the logits [V] of each live beam.
void Engine::advance_beams(Sequence& sequence, std::span<std::vector<float>> logits) {
  enter_decode(sequence);
  if (!sequence.search->finished()) {
    sequence.search->advance(logits);
    counts_.generated_tokens += static_cast<int64_t>(sequence.search->live());
  }
  if (sequence.search->finished()) {
    finish(sequence, Event::Reason::kStop);
  } else {
    loaded_->scheduler.branch(sequence, sequence.search->parents());
  }
}

// Takes the next token of a sequence and decides whether it was the last. `logits` are empty unless asked
// for.
void Engine::consume(Sequence& sequence, int32_t token, const std::vector<float>& logits) {
  enter_decode(sequence);
  const Request& request = sequence.request;
  const auto step = static_cast<int64_t>(sequence.generated.size());
  if (step >= request.max_tokens) {
    finish(sequence, Event::Reason::kLength);
    return;
  }
  if (step < request.raw_logits)
    sequence.raw_logits.insert(sequence.raw_logits.end(), logits.begin(), logits.end());
  if (token < 0 && sequence.constraint && !sequence.constraint->can_go_on()) {
    fail_sequence(sequence, ErrorCode::kOption,
                  "responseFormat: no token of this vocabulary continues the answer");
    return;
  }
  if (token < 0) {
    fail_sequence(
        sequence, ErrorCode::kDevice,
        "the model's logits are not numbers, or every token was ruled out; check the weights and logitBias");
    return;
  }
  if (std::find(request.stop_tokens.begin(), request.stop_tokens.end(), token) != request.stop_tokens.end()) {
    finish(sequence, Event::Reason::kStop);
    return;
  }
  counts_.generated_tokens++;
  sequence.take(token);
  Event event;
  event.kind = Event::Kind::kToken;
  event.request = request.id;
  event.token = token;
  if (request.logprobs >= 0) {
    event.has_logprob = true;
    event.logprob = token_logprob(logits, token, request.logprobs, event.most).logprob;
  }
  emit(sequence, std::move(event));
  if (sequence.constraint && !sequence.constraint->accept(token)) {
    fail_sequence(sequence, ErrorCode::kDevice, "a token that responseFormat does not allow was chosen");
    return;
  }
  if (sequence.constraint && sequence.constraint->finished()) {
    finish(sequence, Event::Reason::kStop);
  } else if (step + 1 >= request.max_tokens) {
    finish(sequence, Event::Reason::kLength);
  }
}

}  // namespace honeybee
