#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "engine/request.h"
#include "engine/scheduler.h"
#include "engine/sequence.h"
#include "engine/stats.h"
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
  bool prefix_cache = true;   ///< a prompt that begins like an earlier one is computed from where they part
  bool launch_ahead = true;   ///< a device that queues gets a step before the tokens of the last are read
  std::string step_trace;     ///< file for a Chrome trace of the steps; none if empty
  size_t image_cache = size_t{256} << 20;  ///< bytes of visual tokens kept; at most an eighth of the memory
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

  EngineStats stats() const;

  /// Records what the engine's thread does, at most so many operations, whoever asked for it. `owner` is the
  /// sink on whose behalf; when it detaches the profile ends. Throws Error(kOverloaded) while one is taken
  /// and Error(kDisposed) once closed.
  void start_profile(const EventSink* owner, size_t most_ops);
  /// Ends the profile of that owner with the turn under way and gives what was recorded. Waits for that, so
  /// not to be called where nothing may wait; null if `interrupt` is set meanwhile. Throws Error(kOption) if
  /// there is none, Error(kDisposed) if the engine closes before.
  std::unique_ptr<ProfileRecorder> stop_profile(const EventSink* owner, const std::atomic<bool>& interrupt);

 private:
  struct Loaded;
  struct Step;
  using ProfilePromise = std::promise<std::unique_ptr<ProfileRecorder>>;

  void thread_main();
  void load_model();
  void announce(Event event);
  void end_all(const Event& closed);
  bool receive_commands();
  void receive(std::unique_ptr<Sequence> sequence);
  void cancel_now(const EventSink* sink, std::optional<uint64_t> request);
  void end_late();
  void validate(const Sequence& sequence) const;
  void run_once();
  void begin_profile(std::unique_ptr<ProfileRecorder> recorder);
  void end_profile(ProfilePromise promise);
  bool run_step();
  EngineStats current_stats() const;
  void note_stats();
  void finish(Sequence& sequence, Event::Reason reason);
  void fail_sequence(Sequence& sequence, ErrorCode code, const std::string& message);
  void leave(Sequence& sequence);
  void emit(const Sequence& sequence, Event event);
  void flush();
  void guarded(const std::vector<Sequence*>& participants, const std::function<void()>& work);

  struct WantedImage;
  void request_images(Sequence& sequence);
  void advance_encoding(bool idle);
  std::vector<WantedImage> next_images() const;
  std::vector<Sequence*> waiting_for_images() const;
  void start_encoding();
  void queue_images(const std::vector<WantedImage>& batch);
  void upload_pixels(const ImageInput& image, const Tensor& rgb);
  void encode_pixels(const Run& run, const std::vector<WantedImage>& batch, const Tensor& tokens);
  void give_up_encoding();
  void settle_encoding(bool ready);
  void use_encoded();
  void return_visual_tokens(Sequence& sequence);
  void release_visual(Sequence& sequence);

  void run_alone(const std::vector<Share>& shares, bool stays);
  void go_on();
  void launch_behind(const Step& step);
  void forward(const std::vector<Share>& shares, bool stays);
  bool can_stay(const Step& step) const;
  void prepare_choice(const Step& step);
  void launch(Step& step);
  void choose(Step& step);
  void settle(Step& step);
  void read(Step& step);
  Step make_step(const std::vector<Share>& shares) const;
  Step make_step_behind(const Step& step, const std::vector<Share>& shares) const;
  void lay_out(Step& step) const;
  bool accept_draft(Sequence& sequence, int64_t ahead);
  bool fork(const Sequence& sequence, Sequence& twin);
  void splice(const Sequence& sequence, const Tensor& x);
  void enter_decode(Sequence& sequence);
  void advance_beams(Sequence& sequence, std::span<std::vector<float>> logits);
  void consume(Sequence& sequence, int32_t token, const std::vector<float>& logits);

  const EngineOptions options_;
  const Clock::time_point epoch_ = Clock::now();

  // Shared with callers, under mutex_.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::unique_ptr<Sequence>> inbox_;
  std::vector<std::pair<const EventSink*, std::optional<uint64_t>>> cancels_;
  std::vector<std::shared_ptr<EventSink>> listeners_;
  std::set<std::pair<const EventSink*, uint64_t>> in_flight_;  ///< requests whose long work is running now
  std::optional<EngineInfo> info_;
  std::optional<Event> closed_;
  size_t progress_ = 0;
  bool ready_ = false;  ///< kReady was announced: who attaches from now on is told alone
  bool stopping_ = false;
  EngineStats stats_{};
  const EventSink* profile_owner_ = nullptr;         ///< null: no profile is being taken
  std::unique_ptr<ProfileRecorder> profile_wanted_;  ///< to begin
  std::optional<ProfilePromise> profile_ending_;     ///< to end

  std::atomic<bool> interrupt_{false};

  // Owned by the engine's thread.
  std::unique_ptr<Loaded> loaded_;
  std::multimap<std::pair<const EventSink*, uint64_t>, std::unique_ptr<Sequence>> sequences_;
  std::vector<const Sequence*> finished_;  ///< of the step, to be dropped at its end
  EngineStats counts_{};                   ///< what is not counted elsewhere
  std::vector<std::pair<std::shared_ptr<EventSink>, std::vector<Event>>> outbox_;

  std::thread thread_;
};

}  // namespace honeybee
