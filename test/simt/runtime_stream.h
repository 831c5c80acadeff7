#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "runtime_api.h"
#include "schedule.h"

struct CUstream_st;

namespace honeybee::simt {

struct Capture;

/// A point in the work of a stream that others can wait for.
struct Record {
  std::shared_ptr<CUstream_st> stream;
  bool done = false;
  std::chrono::steady_clock::time_point time;  ///< when it was reached
};

/// One entry of a stream: work to do, a record to reach, or a record to wait for.
struct Work {
  const char* name = "";
  std::function<void()> run = nullptr;
  std::shared_ptr<Record> reach = nullptr;
  std::shared_ptr<Record> wait = nullptr;
};

}  // namespace honeybee::simt

struct CUstream_st {
  int device;
  bool blocking;           ///< is ordered with the legacy stream
  bool destroyed = false;  ///< by the caller; what is queued still runs
  std::deque<honeybee::simt::Work> pending;
  std::shared_ptr<honeybee::simt::Capture> capture;  ///< under way, or nullptr
};

struct CUevent_st {
  int device;
  bool timing;
  std::shared_ptr<honeybee::simt::Record> record;  ///< nullptr: never recorded, or in a capture
  std::weak_ptr<honeybee::simt::Capture> capture;
  bool captured = false;  ///< recorded in a capture, which may have ended
};

namespace honeybee::simt {

using StreamPointer = std::shared_ptr<CUstream_st>;

/// All streams and what is queued on them. Work runs only in `finish…` and `step`, as late as CUDA allows,
/// and streams overtake each other as the schedule says: "forward" runs no more than what is waited for,
/// "reverse" everything else first, "random" anything.
class Streams {
 public:
  StreamPointer create(int device, bool blocking);
  /// The legacy stream of a device.
  StreamPointer legacy(int device);
  /// The stream of this handle, nullptr: the legacy stream; nullptr for a handle that is no stream.
  StreamPointer find(cudaStream_t handle, int device);
  void destroy(CUstream_st& stream);

  /// Queues at the end, behind what the order of legacy and blocking streams demands.
  void push(const StreamPointer& stream, Work work);
  /// The same for a record, which is returned.
  std::shared_ptr<Record> record(const StreamPointer& stream);

  void finish(const StreamPointer& stream);
  void finish(const std::shared_ptr<const Record>& record);
  void finish_device(int device);
  /// Lets one entry run, as time does while a caller asks whether a stream is ready.
  void step(const StreamPointer& wanted);

  /// Forgets what is queued on the device; nobody waits for it any more.
  void drop(int device);

  int64_t count() const;
  int64_t queued() const;

 private:
  void run_head(const StreamPointer& stream);
  /// A stream whose first entry can run, for the sake of `wanted`, whose first entry may have to wait.
  StreamPointer choose(const StreamPointer& wanted);
  void order_with_legacy(const StreamPointer& stream);
  std::shared_ptr<Record> append_record(const StreamPointer& stream);

  std::vector<StreamPointer> streams_;
  std::vector<StreamPointer> legacy_;  ///< by device
  uint64_t seed_ = 0;                  ///< of random_, as the schedule had it
  RandomBits random_{0};
};

}  // namespace honeybee::simt
