#pragma once
#include <functional>
#include <memory>
#include <string>

#include "engine/engine.h"

namespace honeybee {

/// Engines belong to the process: users in several worker threads that open the same files with the same
/// options share one, and the last to leave frees it.
class EngineRegistry {
 public:
  /// The living engine of this key with one more user, or a new one made by `make`; an empty key never
  /// shares.
  static std::shared_ptr<Engine> acquire(const std::string& key, const std::shared_ptr<EventSink>& sink,
                                         const std::function<std::shared_ptr<Engine>()>& make);
  /// One user less. True if that was the last: the engine has been told to stop and nobody new will get it.
  static bool release(const std::shared_ptr<Engine>& engine);
};

}  // namespace honeybee
