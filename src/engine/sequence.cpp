#include "engine/sequence.h"

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
  const Clock::time_point now = Clock::now();
  const double elapsed = milliseconds(since, now);
  switch (phase) {
    case Phase::kWaiting:
      timings.queued_ms += elapsed;
      break;
    case Phase::kEncode:
      timings.encode_ms += elapsed;
      break;
    case Phase::kPrefill:
      timings.prefill_ms += elapsed;
      break;
    case Phase::kDecode:
      timings.decode_ms += elapsed;
      break;
    case Phase::kFinished:
      break;
  }
  since = now;
  phase = next;
}

}  // namespace honeybee
