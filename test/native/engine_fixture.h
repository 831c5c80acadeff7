#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <latch>
#include <map>
#include <mutex>

#include "cpu/cpu_backend.h"
#include "engine/engine.h"
#include "fixture.h"
#include "model/random_store.h"
#include "testing.h"

namespace honeybee::testing {

/// Remembers what it was told, and lets a test wait for it.
class Recorder final : public EventSink {
 public:
  void deliver(std::vector<Event> events) override {
    std::unique_lock lock(mutex_);
    std::vector<uint64_t> step;
    for (Event& event : events) {
      switch (event.kind) {
        case Event::Kind::kProgress:
          break;
        case Event::Kind::kReady:
          ready_++;
          break;
        case Event::Kind::kToken:
          if (ends_.contains(event.request)) late_tokens_++;
          step.push_back(event.request);
          tokens_[event.request].push_back(event.token);
          break;
        case Event::Kind::kEnd:
          ends_[event.request].push_back(event);
          break;
        case Event::Kind::kClosed:
          closed_.push_back(event);
          break;
      }
    }
    if (!step.empty()) steps_.push_back(std::move(step));
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [this] { return tokens_[hold_request_].size() < hold_tokens_; });
  }

  /// Lets the engine wait as soon as a request has so many tokens, until `resume`: an endless answer cannot
  /// reach the end of its context while the test waits for a processor.
  void hold_at(uint64_t request, size_t tokens) {
    const std::lock_guard lock(mutex_);
    hold_request_ = request;
    hold_tokens_ = tokens;
  }
  void resume() {
    hold_at(0, SIZE_MAX);
    changed_.notify_all();
  }

  bool wait_ready() {
    return wait([this] { return ready_ > 0 || !closed_.empty(); }) && ready_ > 0;
  }
  bool wait_closed() {
    return wait([this] { return !closed_.empty(); });
  }
  bool wait_tokens(uint64_t request, size_t count) {
    return wait([&] { return tokens_[request].size() >= count || ends_.contains(request); }) &&
           tokens(request).size() >= count;
  }
  bool wait_ends(size_t count) {
    return wait([&] { return ends_.size() >= count; });
  }

  std::vector<int32_t> tokens(uint64_t request) {
    const std::lock_guard lock(mutex_);
    return tokens_[request];
  }
  /// The requests that each step gave a token, in the order of the events.
  std::vector<std::vector<uint64_t>> steps() {
    const std::lock_guard lock(mutex_);
    return steps_;
  }
  /// The one end of a request; a failure is recorded if it ended not at all or twice.
  Event end(uint64_t request) {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(ends_[request].size(), size_t{1});
    return ends_[request].empty() ? Event{} : ends_[request].front();
  }
  size_t ended() {
    const std::lock_guard lock(mutex_);
    for (const auto& [request, ends] : ends_) EXPECT_EQ(ends.size(), size_t{1});
    EXPECT_EQ(late_tokens_, 0);
    return ends_.size();
  }
  Event closed() {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(closed_.size(), size_t{1});
    return closed_.empty() ? Event{} : closed_.front();
  }
  int ready() {
    const std::lock_guard lock(mutex_);
    return ready_;
  }

 private:
  bool wait(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, condition);
  }

  /// Only a test that fails waits so long.
  static constexpr std::chrono::seconds kPatience{60};

  std::mutex mutex_;
  std::condition_variable changed_;
  int ready_ = 0;
  int late_tokens_ = 0;  // after the end of their request
  uint64_t hold_request_ = 0;
  size_t hold_tokens_ = SIZE_MAX;
  std::vector<std::vector<uint64_t>> steps_;
  std::map<uint64_t, std::vector<int32_t>> tokens_;
  std::map<uint64_t, std::vector<Event>> ends_;
  std::vector<Event> closed_;
};

constexpr int64_t kVocabulary = 96;
constexpr int64_t kImageSide = 28;
constexpr int64_t kVisualTokens = 4;

/// Two layers of everything, random weights; a step takes a fraction of a millisecond.
inline ModelConfig tiny_config() {
  ModelConfig config;
  VisionConfig vision;
  vision.hidden_size = 32;
  vision.intermediate_size = 64;
  vision.layers = 2;
  vision.heads = 2;
  vision.image_size = kImageSide;
  vision.patch_size = 14;
  vision.pixels = {{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
  config.vision = vision;
  ProjectorConfig projector;
  projector.type = "mlp";
  projector.feature_layers = {2};
  projector.output_size = 32;
  projector.visual_tokens = kVisualTokens;
  projector.hidden_size = 32;
  projector.depth = 1;
  config.projector = projector;
  config.text.hidden_size = 32;
  config.text.intermediate_size = 64;
  config.text.layers = 2;
  config.text.heads = 2;
  config.text.kv_heads = 2;
  config.text.head_dim = 16;
  config.text.vocab_size = kVocabulary;
  config.text.context_length = 4096;
  return config;
}

inline EngineOptions tiny_options() {
  EngineOptions options;
  options.config = tiny_config();
  options.dtypes = WeightDtypes::all(Dtype::kF32);
  options.backend = [] { return make_cpu_backend({2}); };
  options.store = [] { return std::make_unique<RandomStore>(1); };
  options.context = 4096;
  options.max_sequences = 4;
  return options;
}

/// An engine that loads once the gate opens: it finds all requests that were submitted before, and admits
/// them together.
inline EngineOptions gated_options(std::latch& gate) {
  EngineOptions options = tiny_options();
  options.store = [&gate] {
    gate.wait();
    return std::make_unique<RandomStore>(1);
  };
  return options;
}

/// An engine on each kind of device that finds all requests there when it has loaded.
inline void on_each_device(const std::function<void(const Device&, EngineOptions, std::latch&)>& body) {
  for (const Device& device : devices()) {
    if (device.name != "simt" && device.name != "cpu/portable") continue;
    std::latch gate(1);
    EngineOptions options = gated_options(gate);
    options.backend = [device] { return device.make(0); };
    options.max_sequences = 16;
    body(device, std::move(options), gate);
  }
}
inline void on_each_device(const std::function<void(EngineOptions, std::latch&)>& body) {
  on_each_device([&](const Device& /*device*/, EngineOptions options, std::latch& gate) {
    body(std::move(options), gate);
  });
}

inline Request text_request(uint64_t id, int64_t max_tokens) {
  Request request;
  request.id = id;
  request.ids = {1, static_cast<int32_t>(5 + id % 7), 9, 11};
  request.max_tokens = max_tokens;
  return request;
}

inline Request image_request(uint64_t id, int64_t max_tokens) {
  Request request = text_request(id, max_tokens);
  request.ids.insert(request.ids.end(), static_cast<size_t>(kVisualTokens), -1);
  ImageInput image;
  image.rgb.assign(static_cast<size_t>(kImageSide * kImageSide * 3), static_cast<uint8_t>(id));
  request.images.push_back(image);
  return request;
}

}  // namespace honeybee::testing
