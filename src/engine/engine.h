#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "engine/kv_blocks.h"
#include "engine/request.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"
#include "model/vlm.h"

namespace honeybee {

/// Everything an engine needs to come to life; the work happens on its own thread.
struct EngineOptions {
  ModelConfig config;
  WeightDtypes dtypes;
  std::function<std::unique_ptr<Backend>()> backend;
  std::function<std::unique_ptr<TensorStore>()> store;
  Dtype kv_dtype = Dtype::kF32;
  int64_t context = 0;        ///< positions of the longest sequence
  int64_t max_sequences = 0;  ///< that run at once; more wait
  size_t memory = 0;          ///< bytes for weights and KV cache together; 0: what the device has
  SchedulerLimits limits;
};

/// What a loaded engine says about itself.
struct EngineInfo {
  std::string device;
  std::string description;
  size_t weight_bytes = 0;
  size_t kv_bytes = 0;
  int64_t kv_blocks = 0;
  double load_ms = 0.0;
};

/// A loaded model and the one thread that owns its device. Users talk to it with requests and hear back
/// through sinks; every method is safe from any thread.
///
/// Life: the constructor returns at once, loading reports kProgress and then kReady or, failed, kClosed with
/// Reason::kError. stop() ends every request with kAbort within a layer's time and closes; the destructor
/// stops and joins.
class Engine {
 public:
  Engine(EngineOptions options, std::shared_ptr<EventSink> opener);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Queues a request; its events go to `sink`, ending with exactly one kEnd.
  void submit(Request request, std::shared_ptr<EventSink> sink);
  /// Ends a request of that sink with kAbort; unknown ones are ignored.
  void cancel(const EventSink* sink, uint64_t request);
  /// Ends all requests of a sink with kAbort and tells it of nothing else any more.
  void detach(const EventSink* sink);
  /// A further user of a loading or loaded engine: it hears of progress, kReady and kClosed too.
  void attach(std::shared_ptr<EventSink> sink);
  void stop();
  /// Stopped, stopping, or failed to load.
  bool closed() const;

  /// Valid once kReady was delivered.
  EngineInfo info() const;

  struct Load {
    int64_t running = 0;
    int64_t waiting = 0;
    int64_t free_blocks = 0;
  };
  Load load() const;

 private:
  struct Loaded;
  struct Step;

  void thread_main();
  void load_model();
  void announce(Event event);
  bool receive_commands();
  void finish(Sequence& sequence, Event::Reason reason);
  void fail_sequence(Sequence& sequence, ErrorCode code, const std::string& message);
  void validate(const Sequence& sequence) const;
  void admit();
  bool run_step();
  void advance_encoding(bool idle);
  void start_encoding(Sequence& sequence);
  void encode_pixels(const Run& run, std::span<const ImageInput> images, size_t first, const Tensor& tokens);
  void take_encoded(Sequence& sequence);
  void settle_encoding();
  std::unique_ptr<Memory> take_visual(size_t bytes);
  void release_visual(Sequence& sequence);
  void forward(const std::vector<int64_t>& rows);
  Step make_step(const std::vector<int64_t>& rows) const;
  int64_t pad(Step& step) const;
  void splice(const Sequence& sequence, const Tensor& x);
  void consume(Sequence& sequence, int32_t token, const std::vector<float>& logits);
  void emit(const Sequence& sequence, Event event);
  void flush();
  void guarded(const std::vector<Sequence*>& participants, const std::function<void()>& work);

  const EngineOptions options_;

  // Shared with callers, under mutex_.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Sequence>> inbox_;
  std::vector<std::pair<const EventSink*, std::optional<uint64_t>>> cancels_;
  std::vector<std::shared_ptr<EventSink>> listeners_;
  std::set<std::pair<const EventSink*, uint64_t>> in_flight_;  ///< requests whose long work is running now
  std::optional<EngineInfo> info_;
  std::optional<Event> closed_;
  size_t progress_ = 0;
  bool ready_ = false;  ///< kReady was announced: who attaches from now on is told alone
  bool stopping_ = false;
  Load load_{};

  std::atomic<bool> interrupt_{false};

  // Owned by the engine's thread.
  std::unique_ptr<Loaded> loaded_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;
  std::vector<std::pair<std::shared_ptr<EventSink>, std::vector<Event>>> outbox_;

  std::thread thread_;
};

}  // namespace honeybee
