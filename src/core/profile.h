#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/cycle_clock.h"
#include "core/op_work.h"
#include "core/ranges.h"

namespace honeybee {

/// What part of the network, or of choosing tokens, an operation works for.
enum class Stage : uint8_t { kVision, kProjector, kPrefill, kDecode, kSample };

/// "vision"
const char* stage_name(Stage stage);

/// What the engine's thread does while no operation runs.
enum class Doing : uint8_t {
  kSchedule,  ///< taking requests on, deciding who runs
  kSample,    ///< preparing the choice of tokens, taking what was chosen
  kJoin,      ///< handing data to the device, waiting for it
  kHost,      ///< the rest: preparing steps, starting operations, telling callers
  kAsleep,    ///< waiting for requests; no part of the wall time
};

enum class ProfileClock : uint8_t { kCycles, kSteady, kCupti, kEvents, kNone };

/// What the simulator counts, of what it executes itself: barriers, warp-wide operations and asynchronous
/// copies, the bytes of ldmatrix and of those copies.
struct OpCounts {
  uint64_t instructions = 0;
  uint64_t bytes = 0;
  uint64_t bank_conflicts = 0;
};

/// What a device found out about an operation that ran on its own time.
struct Measured {
  double start_ms = 0.0;  ///< since the start
  std::optional<double> duration_ms;
  std::optional<OpCounts> counts;
};

/// What the engine's thread and its device did; times in milliseconds since it began.
struct Profile {
  struct Op {
    const char* name;
    Stage stage;
    int32_t layer;  ///< -1: outside layers
    uint32_t step;
    OpWork work;
    Measured measured;
  };
  struct Gap {
    Doing doing;
    uint32_t step;
    double start_ms;
    double duration_ms;
  };
  struct Phase {
    uint64_t request;  ///< numbered as they arrived, from 0
    const char* name;
    double start_ms;
    double duration_ms;
  };

  ProfileClock clock = ProfileClock::kCycles;
  double wall_ms = 0.0;          ///< of the engine's thread, less its sleep
  bool full = false;             ///< it ended when the most operations were recorded, before it was told to
  uint64_t lost_ops = 0;         ///< left out, because the device did not say when they ran
  uint64_t dropped_records = 0;  ///< of kernels and copies: some times are too short
  std::vector<Op> ops;
  std::vector<Gap> gaps;  ///< none without times of operations
  std::vector<Phase> phases;
};

/// Takes down what one engine's thread does from `start` to `stop`, which are called on that thread like all
/// between them. Once the most operations are recorded it stops by itself.
class ProfileRecorder {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  explicit ProfileRecorder(size_t most_ops);

  void start();
  /// An operation begins; what it returns ends it.
  uint32_t begin(const char* name, const OpWork& work) {
    if (ops_.size() == ops_.capacity()) {
      overflow();
      return kNoOp;
    }
    ops_.push_back({name, work, place_, step_, clock_.now(), 0});
    return static_cast<uint32_t>(ops_.size() - 1);
  }
  void end(uint32_t op) {
    if (op != kNoOp) ops_[op].end = clock_.now();
  }
  /// A device says when it really ran.
  void measure(uint32_t op, const Measured& measured, ProfileClock clock);
  /// A device that should have said when it ran cannot: it is left out and counted.
  void lose(uint32_t op, ProfileClock clock);
  /// A device says how many records of its work it dropped.
  void dropped(uint64_t records) { dropped_records_ += records; }

  /// The next step of the language model, or pass over images.
  void next_step();
  /// A request was in a phase, `name` being static text.
  void phase(uint64_t request, const char* name, SteadyTime begin, SteadyTime end);

  /// Milliseconds since the start.
  double elapsed() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began_).count();
  }

  void stop();
  /// What came of it, once stopped; takes some milliseconds for 100,000 operations.
  Profile finish() const;

  static constexpr uint32_t kNoOp = UINT32_MAX;

 private:
  friend class PlaceScope;
  friend class DoingScope;

  struct Place {
    Stage stage = Stage::kPrefill;
    int32_t layer = -1;
  };
  struct Op {
    const char* name;
    OpWork work;
    Place place;
    uint32_t step;
    uint64_t begin;
    uint64_t end;
  };
  struct Mark {
    uint64_t at;
    Doing doing;
    uint32_t step;
  };
  struct Phase {
    uint64_t request;
    const char* name;
    SteadyTime begin;
    SteadyTime end;
  };

  void do_now(Doing doing);
  void overflow();
  double at(uint64_t ticks) const;
  std::vector<Profile::Gap> find_gaps(const std::vector<Profile::Op>& ops) const;
  std::vector<Profile::Phase> find_phases() const;
  double wall_ms() const;

  const CycleClock clock_;
  SteadyTime began_;
  SteadyTime stopped_;
  uint64_t began_ticks_ = 0;
  uint64_t stopped_ticks_ = 0;  ///< beside the steady times: what a tick is worth
  uint64_t last_ticks_ = 0;     ///< of what counts: it may be full before it is stopped
  bool full_ = false;
  ProfileClock kind_;

  Place place_;
  Doing doing_ = Doing::kSchedule;
  uint32_t step_ = 0;
  bool stepped_ = false;
  std::vector<Op> ops_;
  std::vector<std::optional<Measured>> measured_;  ///< of each operation, where a device told
  std::vector<uint32_t> lost_;
  uint64_t dropped_records_ = 0;
  std::vector<Mark> marks_;
  std::vector<Phase> phases_;
};

/// Who is told what operations work for; each may be null.
struct Observers {
  ProfileRecorder* profile = nullptr;
  Ranges* ranges = nullptr;
};

/// Says of the operations in its life what they work for; nothing without an observer.
class PlaceScope {
 public:
  /// A stage, outside its layers.
  PlaceScope(const Observers& observers, Stage stage)
      : recorder_(observers.profile), range_(observers.ranges, stage_name(stage)) {
    if (recorder_ == nullptr) return;
    before_ = recorder_->place_;
    recorder_->place_ = {stage, -1};
  }
  /// A layer of the stage that there is, from 0.
  PlaceScope(const Observers& observers, int64_t layer)
      : recorder_(observers.profile), range_(observers.ranges, "layer", layer) {
    if (recorder_ == nullptr) return;
    before_ = recorder_->place_;
    recorder_->place_.layer = static_cast<int32_t>(layer);
  }
  ~PlaceScope() {
    if (recorder_ != nullptr) recorder_->place_ = before_;
  }
  PlaceScope(const PlaceScope&) = delete;
  PlaceScope& operator=(const PlaceScope&) = delete;

 private:
  ProfileRecorder* recorder_;
  ProfileRecorder::Place before_;
  RangeScope range_;
};

/// Says what the thread does in its life while no operation runs; nothing without a recorder.
class DoingScope {
 public:
  DoingScope(ProfileRecorder* recorder, Doing doing) : recorder_(recorder) {
    if (recorder == nullptr) return;
    before_ = recorder->doing_;
    recorder->do_now(doing);
  }
  ~DoingScope() {
    if (recorder_ != nullptr) recorder_->do_now(before_);
  }
  DoingScope(const DoingScope&) = delete;
  DoingScope& operator=(const DoingScope&) = delete;

 private:
  ProfileRecorder* recorder_;
  Doing before_ = Doing::kSchedule;
};

}  // namespace honeybee
