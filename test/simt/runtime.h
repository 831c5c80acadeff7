#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "faults.h"
#include "graph.h"
#include "runtime_memory.h"
#include "runtime_stream.h"

namespace honeybee::simt {

/// CUDA 13.0
inline constexpr int kRuntimeVersion = 13000;

/// What the simulated driver reports of itself and of its devices.
struct DriverSettings {
  int devices;          ///< HONEYBEE_SIMT_DEVICES, 1 unless set
  int version;          ///< HONEYBEE_SIMT_DRIVER, 13000 unless set; 0: no driver is installed
  int major;            ///< HONEYBEE_SIMT_CAPABILITY, 90 unless set: compute capability 9.0
  int minor;            ///< its second digit
  int multiprocessors;  ///< HONEYBEE_SIMT_MULTIPROCESSORS, 4 unless set

  /// Read anew at every call.
  static DriverSettings read();
};

/// The state of the simulated CUDA runtime. One lock guards it, also while queued work runs.
class Runtime {
 public:
  std::recursive_mutex mutex;
  DeviceHeap heap;
  PinnedHeap pinned;
  Streams streams;
  Graphs graphs;
  Injections injections;
  std::set<cudaEvent_t> events;
  int64_t descriptors = 0;  ///< of cuBLASLt that are alive

  /// Counts the call; the error it has to return without doing anything, if there is one.
  cudaError_t admit(Call call);
  /// Does queued work. A fault becomes the device's error and drops all that is queued there.
  void run(int device, const Work& work);
  /// Makes the device useless, as after a fault in `what`.
  void fail_device(int device, cudaError_t error, const std::string& text);
  /// The lasting error of a device.
  cudaError_t device_error(int device) const;
  /// The text of the first fault; empty if there was none.
  const std::string& fault_text() const { return fault_text_; }
  void reset_faults();

 private:
  std::map<int, cudaError_t> device_errors_;
  std::string fault_text_;
  bool running_ = false;
};

Runtime& runtime();

/// The device that the calling thread has selected.
int& current_device();
/// The error that cudaGetLastError returns to the calling thread.
cudaError_t& last_error();

/// Puts work on the stream of a handle, or into the graph that is captured from it. Under the lock.
cudaError_t queue_work(cudaStream_t stream, Work work);
/// The error of a device after work on it ran.
inline cudaError_t outcome(int device) { return runtime().device_error(device); }

/// What every function of the API does around its own work: locks, lets tests fail it, notes its error.
template <class Body>
cudaError_t api(Call call, Body&& body) {
  const std::scoped_lock lock(runtime().mutex);
  cudaError_t status = runtime().admit(call);
  // A release happens even on a device that has failed: what tests count as leaked was never freed.
  if (status == cudaSuccess || call == Call::kRelease) {
    const cudaError_t own = std::forward<Body>(body)();
    if (status == cudaSuccess) status = own;
  }
  if (status != cudaSuccess) last_error() = status;
  return status;
}

}  // namespace honeybee::simt
