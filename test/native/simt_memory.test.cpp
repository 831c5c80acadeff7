#include <cmath>
#include <string>
#include <vector>

#include "simt_runtime.h"

/// Simulated memory: what it holds, what is refused, what is counted.
namespace honeybee::testing {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif

}  // namespace

TEST_SIMT(simt_memory_starts_as_nan_at_aligned_addresses) {
  const Simulation simulation;
  for (const size_t count : {1, 63, 64, 65, 1024, 5000}) {
    const DeviceArray<float> device(count);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(device.data) % 256, 0u);
    int numbers = 0;
    for (const float value : device.values()) numbers += !std::isnan(value);
    EXPECT_EQ(numbers, 0);
  }
  void* nothing = &nothing;
  EXPECT_CUDA(cuda_malloc(&nothing, 0));
  EXPECT_TRUE(nothing == nullptr);
}

TEST_SIMT(simt_refuses_unknown_memory) {
  const Simulation simulation;
  const DeviceArray<float> device(10);
  std::vector<float> host(16);
  const auto copy = [&](void* target, const void* source, size_t bytes, cudaMemcpyKind kind) {
    return CUDA(Memcpy)(target, source, bytes, kind);
  };
  EXPECT_CUDA(copy(device.data + 2, host.data(), 32, cudaMemcpyHostToDevice));
  EXPECT_STATUS(copy(device.data + 3, host.data(), 32, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_STATUS(copy(host.data(), device.data, 44, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_STATUS(copy(host.data(), device.data, 40, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_STATUS(copy(host.data() + 8, host.data(), 8, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_STATUS(copy(nullptr, host.data(), 8, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_STATUS(CUDA(Memset)(host.data(), 0, 4), cudaErrorInvalidValue);
  EXPECT_STATUS(CUDA(Memset)(device.data, 0, 41), cudaErrorInvalidValue);
  EXPECT_STATUS(CUDA(Memset2DAsync)(device.data, 4, 0, 8, 2, nullptr), cudaErrorInvalidPitchValue);
  EXPECT_STATUS(CUDA(Memset2DAsync)(device.data, 24, 0, 20, 2, nullptr), cudaErrorInvalidValue);
  EXPECT_STATUS(CUDA(Free)(device.data + 1), cudaErrorInvalidValue);
  EXPECT_STATUS(CUDA(Free)(host.data()), cudaErrorInvalidValue);
  EXPECT_STATUS(CUDA(FreeHost)(host.data()), cudaErrorInvalidValue);
  EXPECT_STATUS(CUDA(GetLastError)(), cudaErrorInvalidValue);
  EXPECT_CUDA(CUDA(GetLastError)());

  void* freed = nullptr;
  EXPECT_CUDA(cuda_malloc(&freed, 8));
  EXPECT_CUDA(CUDA(Free)(freed));
  EXPECT_STATUS(CUDA(Free)(freed), cudaErrorInvalidValue);
}

TEST_SIMT(simt_memory_has_a_capacity) {
  const Simulation simulation;
  const Setting capacity("HONEYBEE_SIMT_MEMORY", "100000");
  const auto before = static_cast<size_t>(live("bytes"));
  size_t free_bytes = 0, total = 0;
  {
    const DeviceArray<char> most(100000 - before - 10);
    EXPECT_CUDA(CUDA(MemGetInfo)(&free_bytes, &total));
    EXPECT_EQ(free_bytes, 10u);
    EXPECT_EQ(total, 100000u);
    void* more = nullptr;
    EXPECT_STATUS(cuda_malloc(&more, 11), cudaErrorMemoryAllocation);
    EXPECT_TRUE(more == nullptr);
    const DeviceArray<char> rest(10);
    EXPECT_TRUE(rest.data != nullptr);
  }
  const DeviceArray<char> again(100000 - before);
  EXPECT_TRUE(again.data != nullptr);
}

// What lies behind and before an allocation; AddressSanitizer ends the process at such a write.
TEST_SIMT(simt_names_writes_out_of_bounds) {
  for (const std::ptrdiff_t offset : {-1, -300, 40, 255}) {
    const Simulation simulation;
    TestStream stream;
    char* data = nullptr;
    EXPECT_CUDA(cuda_malloc(reinterpret_cast<void**>(&data), 40));
    if (!kAddressSanitizer) EXPECT_CUDA(stream.push([&] { data[offset] = 1; }));
    EXPECT_STATUS(CUDA(Free)(data), kAddressSanitizer ? cudaSuccess : cudaErrorLaunchFailure);
    const std::string text = "byte " + std::to_string(offset) + " of allocation ";
    EXPECT_TRUE(kAddressSanitizer || last_fault().find(text) != std::string::npos);
  }
}

TEST_SIMT(simt_counts_what_is_alive) {
  const Simulation simulation;
  const int64_t allocations = live("allocations"), bytes = live("bytes"), streams = live("streams");
  {
    TestStream stream;
    const DeviceArray<char> device(100);
    const PinnedArray<char> pinned(50);
    EXPECT_EQ(live("allocations"), allocations + 1);
    EXPECT_EQ(live("bytes"), bytes + 100);
    EXPECT_EQ(live("pinned bytes"), 50);
    EXPECT_EQ(live("pinned allocations"), 1);
    EXPECT_EQ(live("streams"), streams + 1);
  }
  EXPECT_EQ(live("allocations"), allocations);
  EXPECT_EQ(live("bytes"), bytes);
  EXPECT_EQ(live("streams"), streams);
  EXPECT_EQ(live("nonsense"), -1);
}

}  // namespace honeybee::testing
