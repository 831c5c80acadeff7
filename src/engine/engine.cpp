// What callers see of an engine; safe from any thread. engine_loop.cpp is the thread behind it.
#include "engine/engine.h"

#include "engine/loaded.h"

namespace honeybee {

Engine::Engine(EngineOptions options, std::shared_ptr<EventSink> opener) : options_(std::move(options)) {
  listeners_.push_back(std::move(opener));
  thread_ = std::thread([this] { thread_main(); });
}

Engine::~Engine() {
  stop();
  thread_.join();
}

void Engine::submit(Request request, std::shared_ptr<EventSink> sink) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && !stopping_) {
      inbox_.push_back(std::make_unique<Sequence>(std::move(request), std::move(sink)));
      wake_.notify_one();
      return;
    }
  }
  sink->deliver({Event::end(request.id, Event::Reason::kAbort)});
}

void Engine::cancel(const EventSink* sink, uint64_t request) {
  const std::lock_guard lock(mutex_);
  cancels_.emplace_back(sink, request);
  if (in_flight_.erase({sink, request}) > 0 && in_flight_.empty()) interrupt_ = true;
  wake_.notify_one();
}

void Engine::detach(const EventSink* sink) {
  const std::lock_guard lock(mutex_);
  std::erase_if(listeners_, [&](const auto& listener) { return listener.get() == sink; });
  cancels_.emplace_back(sink, std::nullopt);
  const auto gone = std::erase_if(in_flight_, [&](const auto& entry) { return entry.first == sink; });
  if (gone > 0 && in_flight_.empty()) interrupt_ = true;
  if (profile_owner_ == sink && !profile_ending_) profile_ending_.emplace();
  wake_.notify_one();
}

void Engine::attach(std::shared_ptr<EventSink> sink) {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    sink->deliver({*closed_});
    return;
  }
  if (ready_) {
    Event ready;
    ready.kind = Event::Kind::kReady;
    sink->deliver({ready});
  }
  listeners_.push_back(std::move(sink));
}

void Engine::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  interrupt_ = true;
  wake_.notify_one();
}

bool Engine::closed() const {
  const std::lock_guard lock(mutex_);
  return stopping_ || closed_.has_value();
}

EngineInfo Engine::info() const {
  const std::lock_guard lock(mutex_);
  return info_.value_or(EngineInfo{});
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace honeybee
