#include "napi/registry.h"

#include <map>
#include <mutex>

namespace honeybee {
namespace {

struct Entry {
  std::string key;
  int64_t users = 0;
};

std::mutex registry_mutex;
// Keyed by address; the shared_ptrs of the users keep the engines alive, so an address here is never stale.
std::map<Engine*, Entry> entries;
std::map<std::string, std::weak_ptr<Engine>> by_key;

}  // namespace

std::shared_ptr<Engine> EngineRegistry::acquire(const std::string& key,
                                                const std::shared_ptr<EventSink>& sink,
                                                const std::function<std::shared_ptr<Engine>()>& make) {
  const std::lock_guard lock(registry_mutex);
  if (!key.empty()) {
    if (const auto found = by_key.find(key); found != by_key.end()) {
      if (std::shared_ptr<Engine> engine = found->second.lock(); engine && !engine->closed()) {
        entries[engine.get()].users++;
        engine->attach(sink);
        return engine;
      }
    }
  }
  std::shared_ptr<Engine> engine = make();
  entries[engine.get()] = {key, 1};
  if (!key.empty()) by_key[key] = engine;
  return engine;
}

bool EngineRegistry::release(const std::shared_ptr<Engine>& engine) {
  const std::lock_guard lock(registry_mutex);
  const auto entry = entries.find(engine.get());
  if (entry == entries.end()) return false;
  if (--entry->second.users > 0) return false;
  if (const auto found = by_key.find(entry->second.key);
      found != by_key.end() && found->second.lock() == engine) {
    by_key.erase(found);
  }
  entries.erase(entry);
  engine->stop();
  return true;
}

}  // namespace honeybee
