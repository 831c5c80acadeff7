#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/request.h"

namespace honeybee {

/// Carries an engine's events to one JavaScript environment. They wait here, not in the queue of the
/// environment, so that nothing is lost or leaked when it goes away; one call takes all that have come.
///
/// It outlives the environment if the engine still holds it, and its handle if a call is still on its way;
/// after close() it swallows what it is given.
class JsSink final : public EventSink {
 public:
  /// `listener(events)` is called on the environment's thread. `ended(event)` is told before of whatever is
  /// neither token nor progress.
  static std::shared_ptr<JsSink> create(Napi::Env env, const Napi::Function& listener,
                                        std::function<void(const Event&)> ended);

  void deliver(std::vector<Event> events) override;
  /// On the environment's thread; no call follows.
  void close();
  /// Whether waiting for events keeps the process alive.
  void keep_alive(Napi::Env env, bool alive);

 private:
  using Self = std::shared_ptr<JsSink>;
  static void drain(Napi::Env env, Napi::Function listener, Self* self, void* nothing);
  using Call = Napi::TypedThreadSafeFunction<Self, void, drain>;

  explicit JsSink(std::function<void(const Event&)> ended) : ended_(std::move(ended)) {}
  std::vector<Event> take();

  std::mutex mutex_;
  bool open_ = true;
  std::vector<Event> waiting_;
  Call call_;
  std::function<void(const Event&)> ended_;
};

}  // namespace honeybee
