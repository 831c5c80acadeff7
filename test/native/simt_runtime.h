#pragma once
#include <cstdlib>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "../simt/runtime_api.h"
#include "../simt/runtime_exports.h"
#include "simt_library.h"

/// CUDA's runtime calls as the simulator library exports them, and what its tests hold on to.
namespace honeybee::testing {

/// CUDA(StreamSynchronize)(stream) calls the simulator's cudaStreamSynchronize.
#define CUDA(name) SIMT_FUNCTION(cuda##name)

// Overloaded in the header, so that their type has to be named.
inline cudaError_t cuda_malloc(void** pointer, size_t bytes) {
  return reinterpret_cast<cudaError_t (*)(void**, size_t)>(simt_symbol("cudaMalloc"))(pointer, bytes);
}
inline cudaError_t cuda_malloc_host(void** pointer, size_t bytes) {
  return reinterpret_cast<cudaError_t (*)(void**, size_t)>(simt_symbol("cudaMallocHost"))(pointer, bytes);
}

inline int64_t live(const char* what) { return SIMT_FUNCTION(honeybee_simt_live)(what); }
inline void inject(const char* what, int64_t at) { SIMT_FUNCTION(honeybee_simt_inject)(what, at); }
inline std::string last_fault() { return SIMT_FUNCTION(honeybee_simt_last_fault)(); }

#define EXPECT_CUDA(call) EXPECT_EQ(static_cast<int>(call), static_cast<int>(cudaSuccess))
#define EXPECT_STATUS(call, status) EXPECT_EQ(static_cast<int>(call), static_cast<int>(status))

/// Values on the device. Missing memory leaves `data` null.
template <class T>
struct DeviceArray {
  explicit DeviceArray(size_t count) : count(count) {
    EXPECT_CUDA(cuda_malloc(reinterpret_cast<void**>(&data), count * sizeof(T)));
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    EXPECT_CUDA(CUDA(Memcpy)(data, values.data(), count * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { CUDA(Free)(data); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  size_t bytes() const { return count * sizeof(T); }
  std::vector<T> values() const {
    std::vector<T> host(count);
    EXPECT_CUDA(CUDA(Memcpy)(host.data(), data, bytes(), cudaMemcpyDeviceToHost));
    return host;
  }

  T* data = nullptr;
  size_t count;
};

/// Page-locked host memory.
template <class T>
struct PinnedArray {
  explicit PinnedArray(size_t count) {
    EXPECT_CUDA(cuda_malloc_host(reinterpret_cast<void**>(&data), count * sizeof(T)));
  }
  ~PinnedArray() { CUDA(FreeHost)(data); }
  PinnedArray(const PinnedArray&) = delete;
  PinnedArray& operator=(const PinnedArray&) = delete;
  T& operator[](size_t i) const { return data[i]; }

  T* data = nullptr;
};

/// A stream that also takes C++ functions.
class TestStream {
 public:
  explicit TestStream(unsigned flags = cudaStreamNonBlocking) {
    EXPECT_CUDA(CUDA(StreamCreateWithFlags)(&stream_, flags));
  }
  ~TestStream() {
    CUDA(StreamSynchronize)(stream_);
    CUDA(StreamDestroy)(stream_);
  }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  operator cudaStream_t() const { return stream_; }

  /// Queues a function in place of a kernel.
  cudaError_t push(std::function<void()> function) {
    functions_.push_back(std::move(function));
    return CUDA(LaunchHostFunc)(
        stream_, [](void* data) { (*static_cast<std::function<void()>*>(data))(); }, &functions_.back());
  }

 private:
  cudaStream_t stream_ = nullptr;
  std::deque<std::function<void()>> functions_;  ///< as long as a graph may call them
};

class TestEvent {
 public:
  explicit TestEvent(unsigned flags = cudaEventDefault) {
    EXPECT_CUDA(CUDA(EventCreateWithFlags)(&event_, flags));
  }
  ~TestEvent() { CUDA(EventDestroy)(event_); }
  TestEvent(const TestEvent&) = delete;
  TestEvent& operator=(const TestEvent&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// An instantiated graph of what `record` puts on the stream.
class TestGraph {
 public:
  TestGraph(cudaStream_t stream, const std::function<void()>& record) {
    EXPECT_CUDA(CUDA(StreamBeginCapture)(stream, cudaStreamCaptureModeThreadLocal));
    record();
    cudaGraph_t graph = nullptr;
    EXPECT_CUDA(CUDA(StreamEndCapture)(stream, &graph));
    EXPECT_CUDA(CUDA(GraphInstantiate)(&exec_, graph, 0));
    EXPECT_CUDA(CUDA(GraphDestroy)(graph));
  }
  ~TestGraph() { CUDA(GraphExecDestroy)(exec_); }
  TestGraph(const TestGraph&) = delete;
  TestGraph& operator=(const TestGraph&) = delete;
  operator cudaGraphExec_t() const { return exec_; }

 private:
  cudaGraphExec_t exec_ = nullptr;
};

/// Every order that a schedule can have.
inline constexpr const char* kOrders[] = {"forward", "reverse", "random"};

/// A variable of the environment for the time of a test.
class Setting {
 public:
  Setting(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Setting() { unsetenv(name_); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
};

/// A schedule for the time of a test, and no faults before and after it.
class Simulation {
 public:
  explicit Simulation(const char* order = "random", uint64_t seed = 1) {
    SIMT_FUNCTION(honeybee_simt_set_schedule)(order, seed, 1);
    SIMT_FUNCTION(honeybee_simt_reset_faults)();
  }
  ~Simulation() {
    SIMT_FUNCTION(honeybee_simt_set_schedule)("random", 1, 1);
    SIMT_FUNCTION(honeybee_simt_reset_faults)();
  }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;
};

}  // namespace honeybee::testing
