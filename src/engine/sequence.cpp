#include "engine/sequence.h"

#include <algorithm>
#include <cmath>

#include "engine/phases.h"
#include "engine/prompt_lookup.h"

namespace honeybee {

Sequence::Sequence(Request r, std::shared_ptr<EventSink> s)
    : request(std::move(r)),
      sink(std::move(s)),
      prompt_length(static_cast<int64_t>(request.ids.size())),
      history(request.history),
      since(Clock::now()) {
  if (request.beams.count > 1) search = std::make_unique<BeamSearch>(request);
  if (request.format) constraint = std::make_unique<grammar::Constraint>(request.format);
}

void Sequence::score_prompt(int64_t position, std::span<const float> logits) {
  const auto most = std::min<size_t>(static_cast<size_t>(request.prompt_logprobs), logits.size());
  if (prompt_logprobs.logprobs.empty()) {
    const auto positions = static_cast<size_t>(prompt_length);
    prompt_logprobs.logprobs.assign(positions, NAN);
    prompt_logprobs.top_tokens.assign(positions * most, -1);
    prompt_logprobs.top_logprobs.assign(positions * most, NAN);
  }
  const auto row = static_cast<size_t>(position);
  std::vector<TokenLogprob> top;
  prompt_logprobs.logprobs[row] =
      token_logprob(logits, token(position), static_cast<int32_t>(most), top).logprob;
  for (size_t i = 0; i < most; i++) {
    prompt_logprobs.top_tokens[row * most + i] = top[i].token;
    prompt_logprobs.top_logprobs[row * most + i] = top[i].logprob;
  }
}

void Sequence::draft(int64_t most) {
  forget_draft();
  // The last token of the answer has nothing behind it; a format would have to be followed through the guess.
  const int64_t left = request.max_tokens - std::ssize(generated) - 1;
  const int64_t wanted = std::min<int64_t>({request.prompt_lookup, most, left});
  if (wanted <= 0 || search || constraint) return;
  std::vector<int32_t> tokens = request.ids;
  tokens.insert(tokens.end(), generated.begin(), generated.end());
  drafted = look_up(tokens, wanted);
  history.insert(history.end(), drafted.begin(), drafted.end());
}

void Sequence::forget_draft() {
  drafted.clear();
  history.resize(request.history.size() + generated.size());
}

void Sequence::take(int32_t token) {
  history.resize(request.history.size() + generated.size());
  history.push_back(token);
  generated.push_back(token);
}

void Sequence::enter(Phase next) {
  double Timings::* const kTimings[] = {&Timings::queued_ms, &Timings::encode_ms, &Timings::prefill_ms,
                                        &Timings::decode_ms};
  const Clock::time_point now = Clock::now();
  const auto index = static_cast<size_t>(phase);
  if (phase != Phase::kFinished) timings.*kTimings[index] += milliseconds(since, now);
  if (listeners != nullptr) listeners->tell(arrival, phase, since, now);
  since = now;
  phase = next;
}

}  // namespace honeybee
