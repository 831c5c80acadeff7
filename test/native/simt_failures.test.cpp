#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "simt_runtime.h"

/// Faults that kernels cause, failures that tests ask for, and machines without a device.
namespace honeybee::testing {

namespace {

std::string error_text(cudaError_t error) { return CUDA(GetErrorString)(error); }

}  // namespace

TEST_SIMT(simt_a_fault_lasts) {
  const Simulation simulation("forward");
  TestStream stream, other;
  int runs = 0;
  EXPECT_CUDA(stream.push([] { throw std::runtime_error("the kernel broke"); }));
  EXPECT_CUDA(stream.push([&] { runs++; }));
  EXPECT_CUDA(other.push([&] { runs++; }));
  EXPECT_STATUS(CUDA(StreamSynchronize)(stream), cudaErrorLaunchFailure);
  EXPECT_EQ(error_text(cudaErrorLaunchFailure), "unspecified launch failure: the kernel broke");
  EXPECT_EQ(last_fault(), "the kernel broke");
  EXPECT_STATUS(CUDA(GetLastError)(), cudaErrorLaunchFailure);
  EXPECT_STATUS(CUDA(GetLastError)(), cudaErrorLaunchFailure);
  EXPECT_STATUS(CUDA(StreamSynchronize)(other), cudaErrorLaunchFailure);
  void* memory = nullptr;
  EXPECT_STATUS(cuda_malloc(&memory, 4), cudaErrorLaunchFailure);
  EXPECT_STATUS(other.push([&] { runs++; }), cudaErrorLaunchFailure);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(live("queued"), 0);
  SIMT_FUNCTION(honeybee_simt_reset_faults)();
  EXPECT_CUDA(CUDA(StreamSynchronize)(other));
  EXPECT_EQ(error_text(cudaErrorLaunchFailure), "unspecified launch failure");
}

TEST_SIMT(simt_injects_failures_by_kind) {
  const Simulation simulation;
  TestStream stream;
  const DeviceArray<int> device(1);
  void* memory = nullptr;
  inject("allocation", 2);
  EXPECT_CUDA(cuda_malloc(&memory, 4));
  EXPECT_CUDA(CUDA(Free)(memory));
  EXPECT_STATUS(cuda_malloc(&memory, 4), cudaErrorMemoryAllocation);
  EXPECT_CUDA(cuda_malloc(&memory, 4));
  EXPECT_CUDA(CUDA(Free)(memory));
  inject("launch:700", 1);
  EXPECT_CUDA(CUDA(MemsetAsync)(device.data, 0, 4, stream));
  EXPECT_STATUS(stream.push([] {}), cudaErrorIllegalAddress);
  EXPECT_CUDA(stream.push([] {}));
  inject("copy", 1);
  EXPECT_STATUS(CUDA(MemsetAsync)(device.data, 0, 4, stream), cudaErrorInvalidValue);
  inject("synchronize", 1);
  EXPECT_STATUS(CUDA(StreamSynchronize)(stream), cudaErrorLaunchFailure);
  EXPECT_CUDA(CUDA(StreamSynchronize)(stream));
  inject("other", 1);
  inject("other", 0);
  EXPECT_CUDA(CUDA(SetDevice)(0));
  inject("kernel", 2);
  EXPECT_CUDA(stream.push([] {}));
  EXPECT_CUDA(CUDA(MemsetAsync)(device.data, 0, 4, stream));
  EXPECT_STATUS(CUDA(StreamSynchronize)(stream), cudaErrorLaunchFailure);
  EXPECT_EQ(last_fault(), "a fault was injected into cudaMemsetAsync");
  EXPECT_EQ(SIMT_FUNCTION(honeybee_simt_calls)("allocation"), 4);  // with the array
  EXPECT_EQ(SIMT_FUNCTION(honeybee_simt_calls)("other"), 2);       // with the stream
  EXPECT_EQ(SIMT_FUNCTION(honeybee_simt_calls)("nonsense"), -1);
}

// A program that gives back what it took, whatever fails, leaves nothing behind.
TEST_SIMT(simt_every_call_can_fail_without_a_leak) {
  constexpr const char* kKinds[] = {"allocations", "bytes",  "pinned bytes", "streams",
                                    "events",      "graphs", "queued"};
  const auto program = [] {
    void *device = nullptr, *host = nullptr;
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    cudaError_t status = cuda_malloc(&device, 1000);
    const auto then = [&](const auto& call) {
      if (status == cudaSuccess) status = call();
    };
    then([&] { return cuda_malloc_host(&host, 1000); });
    then([&] { return CUDA(StreamCreateWithFlags)(&stream, cudaStreamNonBlocking); });
    then([&] { return CUDA(EventCreateWithFlags)(&event, cudaEventDisableTiming); });
    then([&] { return CUDA(MemcpyAsync)(device, host, 1000, cudaMemcpyHostToDevice, stream); });
    then([&] { return CUDA(EventRecord)(event, stream); });
    then([&] { return CUDA(EventSynchronize)(event); });
    then([&] { return CUDA(StreamBeginCapture)(stream, cudaStreamCaptureModeThreadLocal); });
    then([&] {
      const cudaError_t inside = CUDA(MemsetAsync)(device, 0, 1000, stream);
      const cudaError_t end = CUDA(StreamEndCapture)(stream, &graph);
      return inside == cudaSuccess ? end : inside;
    });
    then([&] { return CUDA(GraphInstantiate)(&exec, graph, 0); });
    then([&] { return CUDA(GraphLaunch)(exec, stream); });
    then([&] { return CUDA(StreamSynchronize)(stream); });
    if (exec != nullptr) CUDA(GraphExecDestroy)(exec);
    if (graph != nullptr) CUDA(GraphDestroy)(graph);
    if (event != nullptr) CUDA(EventDestroy)(event);
    if (stream != nullptr) CUDA(StreamDestroy)(stream);
    CUDA(FreeHost)(host);
    CUDA(Free)(device);
    return status;
  };
  const Simulation simulation;
  std::vector<int64_t> before;
  for (const char* kind : kKinds) before.push_back(live(kind));
  EXPECT_CUDA(program());
  const int64_t calls = SIMT_FUNCTION(honeybee_simt_calls)("any");
  EXPECT_EQ(calls, 12);
  for (const char* mode : {"any", "lost"}) {
    for (int64_t at = 1; at <= calls; at++) {
      SIMT_FUNCTION(honeybee_simt_reset_faults)();
      inject(mode, at);
      EXPECT_STATUS(program(), mode == std::string("any") ? cudaErrorUnknown : cudaErrorDevicesUnavailable);
      for (size_t i = 0; i < std::size(kKinds); i++) EXPECT_EQ(live(kKinds[i]), before[i]);
    }
  }
}

TEST_SIMT(simt_devices_and_drivers) {
  const Simulation simulation;
  int count = 0;
  {
    const Setting devices("HONEYBEE_SIMT_DEVICES", "2");
    EXPECT_CUDA(CUDA(GetDeviceCount)(&count));
    EXPECT_EQ(count, 2);
    const TestStream stream;
    EXPECT_CUDA(CUDA(SetDevice)(1));
    EXPECT_STATUS(CUDA(LaunchHostFunc)(stream, [](void*) {}, nullptr), cudaErrorInvalidResourceHandle);
    EXPECT_STATUS(CUDA(SetDevice)(2), cudaErrorInvalidDevice);
    int device = -1;
    EXPECT_CUDA(CUDA(GetDevice)(&device));
    EXPECT_EQ(device, 1);
    EXPECT_CUDA(CUDA(SetDevice)(0));
  }
  {
    const Setting devices("HONEYBEE_SIMT_DEVICES", "0");
    EXPECT_STATUS(CUDA(GetDeviceCount)(&count), cudaErrorNoDevice);
    EXPECT_EQ(count, 0);
  }
  {
    const Setting driver("HONEYBEE_SIMT_DRIVER", "12040");
    EXPECT_STATUS(CUDA(GetDeviceCount)(&count), cudaErrorInsufficientDriver);
    int version = 0;
    EXPECT_CUDA(CUDA(DriverGetVersion)(&version));
    EXPECT_EQ(version, 12040);
  }
  const Setting capability("HONEYBEE_SIMT_CAPABILITY", "75");
  cudaDeviceProp properties{};
  EXPECT_CUDA(CUDA(GetDeviceProperties)(&properties, 0));
  EXPECT_EQ(properties.major, 7);
  EXPECT_EQ(properties.minor, 5);
  EXPECT_EQ(std::string(properties.name), "Honeybee simulator");
  int shared = 0;
  EXPECT_CUDA(CUDA(DeviceGetAttribute)(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  EXPECT_EQ(shared, 227 * 1024);
  EXPECT_STATUS(CUDA(GetDeviceProperties)(&properties, 1), cudaErrorInvalidDevice);
  EXPECT_EQ(std::string(CUDA(GetErrorName)(cudaErrorNoDevice)), "cudaErrorNoDevice");
  const void* kernel = &count;
  EXPECT_CUDA(CUDA(FuncSetAttribute)(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
  EXPECT_STATUS(CUDA(FuncSetAttribute)(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared + 1),
                cudaErrorInvalidValue);
}

}  // namespace honeybee::testing
