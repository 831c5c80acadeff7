#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "simt_runtime.h"

/// Simulated captures and graphs.
namespace honeybee::testing {

TEST_SIMT(simt_graphs_run_what_was_captured) {
  for (const char* order : kOrders) {
    const Simulation simulation(order);
    TestStream stream;
    const DeviceArray<int> source(std::vector<int>{1});
    const DeviceArray<int> target(1);
    int runs = 0;
    const TestGraph graph(stream, [&] {
      EXPECT_CUDA(stream.push([&] { runs++; }));
      EXPECT_CUDA(CUDA(MemcpyAsync)(target.data, source.data, 4, cudaMemcpyDeviceToDevice, stream));
      cudaStreamCaptureStatus status{};
      EXPECT_CUDA(CUDA(StreamIsCapturing)(stream, &status));
      EXPECT_EQ(static_cast<int>(status), static_cast<int>(cudaStreamCaptureStatusActive));
    });
    EXPECT_CUDA(CUDA(StreamSynchronize)(stream));
    EXPECT_EQ(runs, 0);
    EXPECT_CUDA(CUDA(GraphLaunch)(graph, stream));
    EXPECT_EQ(runs, 0);
    EXPECT_CUDA(CUDA(StreamSynchronize)(stream));
    EXPECT_EQ(target.values()[0], 1);
    // Rewritten in place, the next launch sees it.
    EXPECT_CUDA(CUDA(MemsetAsync)(source.data, 0, 4, stream));
    EXPECT_CUDA(CUDA(GraphLaunch)(graph, stream));
    EXPECT_CUDA(CUDA(GraphLaunch)(graph, stream));
    EXPECT_CUDA(CUDA(StreamSynchronize)(stream));
    EXPECT_EQ(target.values()[0], 0);
    EXPECT_EQ(runs, 3);
  }
}

TEST_SIMT(simt_captures_refuse_what_cuda_refuses) {
  const DeviceArray<int> device(1);
  const PinnedArray<int> pinned(1);
  int pageable = 0;
  void* memory = nullptr;
  TestStream stream, other;
  const TestEvent event;
  const std::vector<std::pair<std::function<cudaError_t()>, cudaError_t>> cases = {
      {[&] { return cuda_malloc(&memory, 4); }, cudaErrorStreamCaptureUnsupported},
      {[&] { return cuda_malloc_host(&memory, 4); }, cudaErrorStreamCaptureUnsupported},
      {[&] { return CUDA(Free)(device.data); }, cudaErrorStreamCaptureUnsupported},
      {[&] { return CUDA(StreamSynchronize)(stream); }, cudaErrorStreamCaptureUnsupported},
      {[&] { return CUDA(StreamQuery)(stream); }, cudaErrorStreamCaptureUnsupported},
      {[&] { return CUDA(DeviceSynchronize)(); }, cudaErrorStreamCaptureUnsupported},
      {[&] { return CUDA(EventSynchronize)(event); }, cudaErrorStreamCaptureUnsupported},
      {[&] { return CUDA(Memcpy)(device.data, pinned.data, 4, cudaMemcpyHostToDevice); },
       cudaErrorStreamCaptureImplicit},
      {[&] { return CUDA(MemsetAsync)(device.data, 0, 4, nullptr); }, cudaErrorStreamCaptureImplicit},
      {[&] { return CUDA(MemcpyAsync)(device.data, &pageable, 4, cudaMemcpyHostToDevice, stream); },
       cudaErrorStreamCaptureUnsupported},
      {[&] { return CUDA(StreamWaitEvent)(stream, event, 0); }, cudaErrorStreamCaptureIsolation},
  };
  for (const auto& [call, status] : cases) {
    const Simulation simulation;
    EXPECT_CUDA(CUDA(EventRecord)(event, other));
    EXPECT_CUDA(CUDA(StreamBeginCapture)(stream, cudaStreamCaptureModeThreadLocal));
    EXPECT_STATUS(call(), status);
    EXPECT_STATUS(stream.push([] {}), cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph = nullptr;
    EXPECT_STATUS(CUDA(StreamEndCapture)(stream, &graph), cudaErrorStreamCaptureInvalidated);
    EXPECT_TRUE(graph == nullptr);
    EXPECT_CUDA(CUDA(StreamSynchronize)(stream));
  }
}

TEST_SIMT(simt_captures_concern_threads_by_mode) {
  const Simulation simulation;
  const auto elsewhere = [](const std::function<cudaError_t()>& call) {
    cudaError_t status = cudaSuccess;
    std::thread([&] { status = call(); }).join();
    return status;
  };
  const auto allocate = [] {
    void* memory = nullptr;
    const cudaError_t status = cuda_malloc(&memory, 4);
    CUDA(Free)(memory);
    return status;
  };
  TestStream stream;
  cudaGraph_t graph = nullptr;
  EXPECT_STATUS(CUDA(StreamEndCapture)(stream, &graph), cudaErrorStreamCaptureUnmatched);
  EXPECT_STATUS(CUDA(StreamBeginCapture)(nullptr, cudaStreamCaptureModeGlobal),
                cudaErrorStreamCaptureUnsupported);

  EXPECT_CUDA(CUDA(StreamBeginCapture)(stream, cudaStreamCaptureModeThreadLocal));
  EXPECT_STATUS(CUDA(StreamBeginCapture)(stream, cudaStreamCaptureModeThreadLocal), cudaErrorInvalidValue);
  EXPECT_CUDA(elsewhere(allocate));
  EXPECT_STATUS(elsewhere([&] { return CUDA(StreamEndCapture)(stream, &graph); }),
                cudaErrorStreamCaptureWrongThread);
  EXPECT_CUDA(CUDA(StreamEndCapture)(stream, &graph));
  EXPECT_CUDA(CUDA(GraphDestroy)(graph));

  EXPECT_CUDA(CUDA(StreamBeginCapture)(stream, cudaStreamCaptureModeRelaxed));
  EXPECT_CUDA(allocate());
  EXPECT_CUDA(CUDA(StreamEndCapture)(stream, &graph));
  EXPECT_CUDA(CUDA(GraphDestroy)(graph));

  EXPECT_CUDA(CUDA(StreamBeginCapture)(stream, cudaStreamCaptureModeGlobal));
  EXPECT_STATUS(elsewhere(allocate), cudaErrorStreamCaptureUnsupported);
  EXPECT_STATUS(CUDA(StreamEndCapture)(stream, &graph), cudaErrorStreamCaptureInvalidated);
}

TEST_SIMT(simt_events_of_a_capture_are_no_events_outside) {
  const Simulation simulation;
  TestStream stream, other;
  const TestEvent event;
  {
    const TestGraph graph(stream, [&] {
      EXPECT_CUDA(CUDA(EventRecord)(event, stream));
      EXPECT_CUDA(CUDA(StreamWaitEvent)(stream, event, 0));
      EXPECT_STATUS(CUDA(StreamWaitEvent)(other, event, 0), cudaErrorStreamCaptureIsolation);
    });
  }
  EXPECT_STATUS(CUDA(EventSynchronize)(event), cudaErrorCapturedEvent);
  EXPECT_CUDA(CUDA(EventRecord)(event, stream));
  EXPECT_CUDA(CUDA(EventSynchronize)(event));
}

TEST_SIMT(simt_graphs_name_memory_that_was_freed) {
  const Simulation simulation;
  TestStream stream;
  void* memory = nullptr;
  EXPECT_CUDA(cuda_malloc(&memory, 48));
  const TestGraph graph(
      stream, [&] { EXPECT_CUDA(CUDA(MemsetAsync)(static_cast<char*>(memory) + 8, 0, 40, stream)); });
  EXPECT_CUDA(CUDA(GraphLaunch)(graph, stream));
  EXPECT_CUDA(CUDA(StreamSynchronize)(stream));
  EXPECT_CUDA(CUDA(Free)(memory));
  EXPECT_CUDA(CUDA(GraphLaunch)(graph, stream));
  EXPECT_STATUS(CUDA(StreamSynchronize)(stream), cudaErrorLaunchFailure);
  EXPECT_TRUE(last_fault().starts_with("cudaMemsetAsync: illegal address, byte 8 of allocation "));
  EXPECT_TRUE(last_fault().ends_with(", which has 48 bytes and was freed"));
}

}  // namespace honeybee::testing
