// What the engine's thread tells its users: how requests end, and of the engine as a whole.
#include <algorithm>

#include "engine/loaded.h"

namespace honeybee {

void Engine::announce(Event event) {
  std::vector<std::shared_ptr<EventSink>> listeners;
  {
    const std::lock_guard lock(mutex_);
    if (event.kind == Event::Kind::kReady) ready_ = true;
    if (event.kind == Event::Kind::kClosed) {
      closed_ = event;
      if (profile_ending_)
        profile_ending_->set_exception(std::make_exception_ptr(
            Error(ErrorCode::kDisposed, "the model was disposed while a profile was taken")));
      profile_ending_.reset();
    }
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener->deliver({event});
}

// Takes back what a sequence has; its memory goes at the end of the turn.
void Engine::leave(Sequence& sequence) {
  sequence.enter(Sequence::Phase::kFinished);
  finished_.push_back(&sequence);
  if (!loaded_) return;
  if (loaded_->under_way) loaded_->under_way->forget(sequence);
  loaded_->scheduler.remove(sequence);
  release_visual(sequence);
}

void Engine::finish(Sequence& sequence, Event::Reason reason) {
  if (sequence.phase == Sequence::Phase::kFinished) return;
  leave(sequence);
  Event event = Event::end(sequence.request.id, reason);
  event.timings = sequence.timings;
  event.cached_tokens = std::max<int64_t>(0, sequence.cached);
  if (sequence.search)
    event.hypotheses = sequence.search->best(static_cast<size_t>(sequence.request.beams.answers));
  event.trace = std::move(sequence.trace);
  event.prompt_logprobs = std::move(sequence.prompt_logprobs);
  event.raw_logits = std::move(sequence.raw_logits);
  event.visual_tokens = std::move(sequence.visual_tokens);
  emit(sequence, std::move(event));
}

void Engine::fail_sequence(Sequence& sequence, ErrorCode code, const std::string& message) {
  if (sequence.phase == Sequence::Phase::kFinished) return;
  leave(sequence);
  Event event = Event::end(sequence.request.id, Event::Reason::kError);
  event.code = code;
  event.message = message;
  event.timings = sequence.timings;
  emit(sequence, std::move(event));
}

void Engine::emit(const Sequence& sequence, Event event) {
  for (auto& [sink, events] : outbox_) {
    if (sink == sequence.sink) {
      events.push_back(std::move(event));
      return;
    }
  }
  outbox_.emplace_back(sequence.sink, std::vector<Event>{});
  outbox_.back().second.push_back(std::move(event));
}

void Engine::flush() {
  for (auto& [sink, events] : outbox_) sink->deliver(std::move(events));
  outbox_.clear();
}

}  // namespace honeybee
