#include "engine/sequence.h"

#include "engine/step_trace.h"

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

void Sequence::enter(Phase next) {
  static constexpr const char* kNames[] = {"waiting", "images", "prefill", "decode", "finished"};
  double Timings::* const kTimings[] = {&Timings::queued_ms, &Timings::encode_ms, &Timings::prefill_ms,
                                        &Timings::decode_ms};
  const Clock::time_point now = Clock::now();
  const auto index = static_cast<size_t>(phase);
  if (phase != Phase::kFinished) timings.*kTimings[index] += milliseconds(since, now);
  if (steps != nullptr) steps->phase(arrival, kNames[index], since, now);
  since = now;
  phase = next;
}

}  // namespace honeybee
