#include "simt_runtime.h"

#include <chrono>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

/// Simulated streams and events: when work runs, and in which order.
namespace honeybee::testing {

TEST_SIMT(simt_work_runs_when_somebody_waits) {
  const Simulation simulation;
  TestStream stream;
  int runs = 0;
  EXPECT_CUDA(stream.push([&] { runs++; }));
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(live("queued"), 1);
  EXPECT_STATUS(CUDA(StreamQuery)(stream), cudaErrorNotReady);
  EXPECT_CUDA(CUDA(StreamQuery)(stream));
  EXPECT_EQ(runs, 1);
  EXPECT_CUDA(stream.push([&] { runs++; }));
  EXPECT_CUDA(CUDA(DeviceSynchronize)());
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(live("queued"), 0);
}

TEST_SIMT(simt_pinned_memory_is_read_late) {
  const Simulation simulation;
  TestStream stream;
  const DeviceArray<float> device(1);
  const PinnedArray<float> source(1);
  const PinnedArray<float> target(1);
  source[0] = 1;
  EXPECT_CUDA(CUDA(MemcpyAsync)(device.data, source.data, 4, cudaMemcpyHostToDevice, stream));
  source[0] = 2;  // too early
  EXPECT_CUDA(CUDA(MemcpyAsync)(target.data, device.data, 4, cudaMemcpyDeviceToHost, stream));
  EXPECT_TRUE(std::isnan(target[0]));  // too early, too
  EXPECT_CUDA(CUDA(StreamSynchronize)(stream));
  EXPECT_EQ(target[0], 2.0f);
}

TEST_SIMT(simt_pageable_memory_is_copied_at_once) {
  const Simulation simulation;
  TestStream stream;
  const DeviceArray<float> device(6);
  std::vector<float> source = {1, 2, 3, 4, 5, 6};
  // Two rows of two out of three columns.
  EXPECT_CUDA(CUDA(Memcpy2DAsync)(device.data, 8, source.data(), 12, 8, 2, cudaMemcpyHostToDevice, stream));
  source.assign(6, 0);
  std::vector<float> target(4);
  EXPECT_CUDA(CUDA(MemcpyAsync)(target.data(), device.data, 16, cudaMemcpyDeviceToHost, stream));
  EXPECT_TRUE((target == std::vector<float>{1, 2, 4, 5}));
}

TEST_SIMT(simt_blocking_copies_wait_for_no_other_stream) {
  const Simulation simulation("forward");
  const PinnedArray<float> source(1);
  source[0] = 1;
  for (const unsigned flags : {cudaStreamNonBlocking, cudaStreamDefault}) {
    TestStream stream(flags);
    const DeviceArray<float> device(1);
    EXPECT_CUDA(CUDA(MemcpyAsync)(device.data, source.data, 4, cudaMemcpyHostToDevice, stream));
    const bool seen = device.values()[0] == 1;
    EXPECT_EQ(seen, flags == cudaStreamDefault);
  }
}

TEST_SIMT(simt_streams_overtake_each_other) {
  std::vector<std::string> seen;
  for (const char* order : kOrders) {
    for (uint64_t seed = 1; seed <= 8; seed++) {
      const Simulation simulation(order, seed);
      std::string log;
      TestStream first, second;
      for (int i = 0; i < 4; i++) {
        EXPECT_CUDA(first.push([&log] { log += '1'; }));
        EXPECT_CUDA(second.push([&log] { log += '2'; }));
      }
      EXPECT_CUDA(CUDA(StreamSynchronize)(first));
      seen.push_back(log);
      EXPECT_CUDA(CUDA(StreamSynchronize)(second));
      EXPECT_EQ(log.size(), 8u);
    }
  }
  EXPECT_EQ(seen[0], "1111");
  EXPECT_EQ(seen[8], "22221111");
  int mixed = 0;
  for (size_t i = 16; i < seen.size(); i++) mixed += seen[i] != seen[0] && seen[i] != seen[8];
  EXPECT_TRUE(mixed > 0);
}

TEST_SIMT(simt_events_order_streams) {
  for (const char* order : kOrders) {
    for (uint64_t seed = 1; seed <= 4; seed++) {
      const Simulation simulation(order, seed);
      std::string log;
      TestStream first, second;
      const TestEvent event;
      EXPECT_CUDA(CUDA(StreamWaitEvent)(second, event, 0));  // not recorded: nothing to wait for
      EXPECT_CUDA(first.push([&log] { log += 'a'; }));
      EXPECT_CUDA(CUDA(EventRecord)(event, first));
      EXPECT_CUDA(first.push([&log] { log += 'c'; }));
      EXPECT_CUDA(CUDA(StreamWaitEvent)(second, event, 0));
      EXPECT_CUDA(second.push([&log] { log += 'b'; }));
      EXPECT_CUDA(CUDA(StreamSynchronize)(second));
      EXPECT_TRUE(log.find('a') < log.find('b'));
    }
  }
}

TEST_SIMT(simt_events_tell_time_and_progress) {
  const Simulation simulation("forward");
  TestStream stream;
  const TestEvent begin, end;
  const TestEvent untimed(cudaEventDisableTiming);
  float milliseconds = -1;
  EXPECT_CUDA(CUDA(EventRecord)(begin, stream));
  EXPECT_CUDA(stream.push([] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }));
  EXPECT_CUDA(CUDA(EventRecord)(end, stream));
  EXPECT_CUDA(CUDA(EventRecord)(untimed, stream));
  EXPECT_STATUS(CUDA(EventElapsedTime)(&milliseconds, begin, end), cudaErrorNotReady);
  int queries = 0;
  while (CUDA(EventQuery)(end) == cudaErrorNotReady && queries < 10) queries++;
  EXPECT_EQ(queries, 3);
  EXPECT_CUDA(CUDA(EventElapsedTime)(&milliseconds, begin, end));
  EXPECT_TRUE(milliseconds >= 2);
  EXPECT_CUDA(CUDA(EventSynchronize)(untimed));
  EXPECT_STATUS(CUDA(EventElapsedTime)(&milliseconds, begin, untimed), cudaErrorInvalidResourceHandle);
}

TEST_SIMT(simt_legacy_stream_is_ordered_with_blocking_ones) {
  for (const char* order : kOrders) {
    const Simulation simulation(order);
    TestStream stream(cudaStreamDefault);
    const DeviceArray<unsigned char> device(1);
    const PinnedArray<unsigned char> host(2);
    host[0] = 7;
    EXPECT_CUDA(CUDA(MemcpyAsync)(device.data, host.data, 1, cudaMemcpyHostToDevice, stream));
    EXPECT_CUDA(CUDA(MemsetAsync)(device.data, 9, 1, nullptr));
    EXPECT_CUDA(CUDA(MemcpyAsync)(host.data + 1, device.data, 1, cudaMemcpyDeviceToHost, stream));
    EXPECT_CUDA(CUDA(StreamSynchronize)(stream));
    EXPECT_EQ(int{host[1]}, 9);
    // An event of the legacy stream comes after the work of blocking streams, too.
    const TestEvent event;
    bool ran = false;
    EXPECT_CUDA(stream.push([&] { ran = true; }));
    EXPECT_CUDA(CUDA(EventRecord)(event, nullptr));
    EXPECT_CUDA(CUDA(EventSynchronize)(event));
    EXPECT_TRUE(ran);
  }
}

TEST_SIMT(simt_destroyed_stream_still_ends_its_work) {
  const Simulation simulation;
  int runs = 0;
  const auto count = [](void* data) { ++*static_cast<int*>(data); };
  cudaStream_t stream = nullptr;
  EXPECT_CUDA(CUDA(StreamCreateWithFlags)(&stream, cudaStreamNonBlocking));
  EXPECT_CUDA(CUDA(LaunchHostFunc)(stream, count, &runs));
  EXPECT_CUDA(CUDA(StreamDestroy)(stream));
  EXPECT_STATUS(CUDA(StreamSynchronize)(stream), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(runs, 0);
  EXPECT_CUDA(CUDA(DeviceSynchronize)());
  EXPECT_EQ(runs, 1);
}

TEST_SIMT(simt_work_may_not_call_the_runtime) {
  const Simulation simulation;
  TestStream stream;
  cudaError_t inside = cudaSuccess;
  EXPECT_CUDA(stream.push([&] { inside = CUDA(StreamSynchronize)(stream); }));
  EXPECT_CUDA(CUDA(StreamSynchronize)(stream));
  EXPECT_STATUS(inside, cudaErrorNotPermitted);
}

}  // namespace honeybee::testing
