#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>

#include "engine/request.h"

namespace honeybee {

/// Carries an engine's events to one JavaScript environment: all events of a step in one call. It outlives
/// the environment if the engine still holds it, and its handle if events are still on their way; after
/// close() it swallows what it is given.
class JsSink final : public EventSink, public std::enable_shared_from_this<JsSink> {
 public:
  /// `listener(events)` is called on the environment's thread. `ended(event)` is told of each kEnd and
  /// kClosed before.
  JsSink(Napi::Env env, const Napi::Function& listener, std::function<void(const Event&)> ended);

  void deliver(std::vector<Event> events) override;
  /// On the environment's thread; no call follows.
  void close();
  /// Whether waiting for events keeps the process alive.
  void keep_alive(Napi::Env env, bool alive);

 private:
  std::mutex mutex_;
  bool open_ = true;
  Napi::ThreadSafeFunction call_;
  std::function<void(const Event&)> ended_;
};

}  // namespace honeybee
