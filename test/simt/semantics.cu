#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "device/ptx.h"
#include "device/shared.h"
#include "device_array.h"
#include "exports.h"

/// What CUDA defines, kernel by kernel, against the definition in plain loops.
namespace honeybee::simt {

/// Rows of the grid's threads: __shfl_sync, _xor, _up and _down of the thread's number.
__global__ void semantics_shuffle_kernel(int* out, int amount, int width) {
  const int t = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  out[t] = __shfl_sync(0xffffffffu, t, amount, width);
  out[threads + t] = __shfl_xor_sync(0xffffffffu, t, amount, width);
  out[2 * threads + t] = __shfl_up_sync(0xffffffffu, t, static_cast<unsigned>(amount), width);
  out[3 * threads + t] = __shfl_down_sync(0xffffffffu, t, static_cast<unsigned>(amount), width);
}

/// Votes of each half warp for itself, then of the block, on whether the thread's number is a multiple of 3.
__global__ void semantics_vote_kernel(uint32_t* out) {
  const unsigned t = threadIdx.x, threads = blockDim.x;
  const uint32_t half = t % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
  const bool vote = t % 3 == 0;
  out[t] = __ballot_sync(half, vote);
  out[threads + t] = static_cast<uint32_t>(__any_sync(half, t % 32 == 5)) +
                     2 * static_cast<uint32_t>(__all_sync(half, t % 32 != 5));
  out[2 * threads + t] = static_cast<uint32_t>(__syncthreads_count(vote));
  out[3 * threads + t] =
      static_cast<uint32_t>(__syncthreads_or(t == 7)) + 2 * static_cast<uint32_t>(__syncthreads_and(t != 7));
}

struct AtomicResults {
  int sum;
  float float_sum;
  unsigned largest;
  int smallest;
  unsigned long long by_exchange;
  unsigned wrapped;
  int bits;
};

/// Every thread of the grid takes part in each total.
__global__ void semantics_atomic_kernel(AtomicResults* out) {
  const unsigned number = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(&out->sum, static_cast<int>(number));
  atomicAdd(&out->float_sum, 0.5f);
  atomicMax(&out->largest, number);
  atomicMin(&out->smallest, -static_cast<int>(number));
  unsigned long long seen = 0, expected;
  do {
    expected = seen;
    seen = atomicCAS(&out->by_exchange, expected, expected + number);
  } while (seen != expected);
  atomicInc(&out->wrapped, 9);
  atomicOr(&out->bits, 1 << number % 31);
}

/// out[linear number of the thread in the grid] = its coordinates, two decimal digits each.
__global__ void semantics_index_kernel(uint64_t* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  uint64_t code = 0;
  for (const unsigned part : {blockIdx.z, blockIdx.y, blockIdx.x, threadIdx.z, threadIdx.y, threadIdx.x})
    code = code * 100 + part;
  out[block * (blockDim.x * blockDim.y * blockDim.z) + thread] = code;
}

/// c [16, 8] = a [16, 16] · b [16, 8] + c by one mma, its fragments gathered by the PTX manual's indices.
template <class T>
__global__ void semantics_mma_kernel(const T* a, const T* b, float* c) {
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4 * 2;
  const auto pack = [](T low, T high) {
    return static_cast<uint32_t>(low.bits) | static_cast<uint32_t>(high.bits) << 16;
  };
  const auto a_pair = [&](int row, int col) { return pack(a[row * 16 + col], a[row * 16 + col + 1]); };
  const auto b_pair = [&](int row, int col) { return pack(b[row * 8 + col], b[(row + 1) * 8 + col]); };
  const uint32_t fragment[4] = {a_pair(g, t), a_pair(g + 8, t), a_pair(g, t + 8), a_pair(g + 8, t + 8)};
  float sums[4] = {c[g * 8 + t], c[g * 8 + t + 1], c[(g + 8) * 8 + t], c[(g + 8) * 8 + t + 1]};
  cuda::mma_16816(sums, fragment, b_pair(t, g), b_pair(t + 8, g), T{});
  for (int i = 0; i < 4; i++) c[(g + i / 2 * 8) * 8 + t + i % 2] = sums[i];
}

/// out [2, 4, 32, 2]: what ldmatrix_x4 and its transposed form give of matrix values 0 … 255, row by row.
__global__ void semantics_ldmatrix_kernel(uint32_t* out) {
  HB_SHARED(uint16_t, matrices, [256]);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 256; i += 32) matrices[i] = static_cast<uint16_t>(i);
  __syncwarp();
  for (int transposed = 0; transposed < 2; transposed++) {
    uint32_t registers[4];
    if (transposed) {
      cuda::ldmatrix_x4_transposed(registers, matrices + lane * 8);
    } else {
      cuda::ldmatrix_x4(registers, matrices + lane * 8);
    }
    for (int m = 0; m < 4; m++) {
      out[((transposed * 4 + m) * 32 + lane) * 2] = registers[m] & 0xffffu;
      out[((transposed * 4 + m) * 32 + lane) * 2 + 1] = registers[m] >> 16;
    }
  }
}

/// Three groups of one copy each, the second not valid; what is there while one and while none is pending.
/// One thread.
__global__ void semantics_copy_kernel(const float* in, float* out) {
  HB_DYNAMIC_SHARED(float, buffer);
  for (int group = 0; group < 3; group++) {
    cuda::cp_async_16(buffer + group * 4, in + group * 4, group != 1);
    cuda::cp_async_commit();
  }
  cuda::cp_async_wait<1>();
  for (int i = 0; i < 12; i++) out[i] = buffer[i];
  cuda::cp_async_wait<0>();
  for (int i = 0; i < 12; i++) out[12 + i] = buffer[i];
}

namespace {

bool shuffles_hold() {
  constexpr int kThreads = 64;
  for (const int width : {4, 16, 32}) {
    for (const int amount : {0, 1, 3, 7, 17}) {
      const DeviceArray<int> out(std::vector<int>(4 * kThreads, -1));
      run_now(semantics_shuffle_kernel, 1, kThreads, 0, out.data(), amount, width);
      std::vector<int> expected;
      for (int kind = 0; kind < 4; kind++) {
        for (int t = 0; t < kThreads; t++) {
          const int segment = t / width * width, place = t - segment, warp = t / 32 * 32;
          int source = t;
          if (kind == 0) source = segment + amount % width;
          if (kind == 1 && (t ^ amount) < segment + width) source = t ^ amount;
          if (kind == 2 && place >= amount) source = t - amount;
          if (kind == 3 && place + amount < width) source = t + amount;
          expected.push_back(source < warp ? t : source);
        }
      }
      if (out.values() != expected) return false;
    }
  }
  return true;
}

bool votes_hold() {
  constexpr uint32_t kThreads = 96;
  const DeviceArray<uint32_t> out(std::vector<uint32_t>(4 * kThreads, 77));
  run_now(semantics_vote_kernel, 1, kThreads, 0, out.data());
  std::vector<uint32_t> expected(4 * kThreads);
  for (uint32_t t = 0; t < kThreads; t++) {
    const uint32_t first = t / 16 * 16;
    for (uint32_t i = first; i < first + 16; i++) expected[t] |= (i % 3 == 0 ? 1u : 0u) << i % 32;
    expected[kThreads + t] = first % 32 == 0 ? 1 : 2;
    expected[2 * kThreads + t] = kThreads / 3;
    expected[3 * kThreads + t] = 1;
  }
  return out.values() == expected;
}

bool atomics_hold() {
  constexpr int kCount = 5 * 96, kSum = kCount * (kCount - 1) / 2;
  const DeviceArray<AtomicResults> out({AtomicResults{}});
  run_now(semantics_atomic_kernel, 5, 96, 0, out.data());
  const AtomicResults results = out.values()[0];
  return results.sum == kSum && results.float_sum == kCount / 2.0f && results.largest == kCount - 1 &&
         results.smallest == 1 - kCount && results.by_exchange == kSum && results.wrapped == kCount % 10 &&
         results.bits == 0x7fffffff;
}

bool indices_hold() {
  const dim3 grid(3, 2, 2), block(5, 3, 2);
  const DeviceArray<uint64_t> out(std::vector<uint64_t>(12 * 30, 0));
  run_now(semantics_index_kernel, grid, block, 0, out.data());
  std::vector<uint64_t> expected;
  for (unsigned number = 0; number < 12 * 30; number++) {
    const unsigned b = number / 30, t = number % 30;
    uint64_t code = 0;
    for (const unsigned part : {b / 6, b / 3 % 2, b % 3, t / 15, t / 5 % 3, t % 5}) code = code * 100 + part;
    expected.push_back(code);
  }
  return out.values() == expected;
}

template <class T>
bool mma_holds() {
  const auto element = [](int i) { return static_cast<float>(i * 37 % 23 - 11) / 4.0f; };
  std::vector<T> a, b;
  std::vector<float> c, expected;
  for (int i = 0; i < 256; i++) a.push_back(T(element(i)));
  for (int i = 0; i < 128; i++) b.push_back(T(element(3 * i + 1)));
  for (int i = 0; i < 128; i++) c.push_back(element(i + 5));
  for (int row = 0; row < 16; row++) {
    for (int col = 0; col < 8; col++) {
      float sum = c[static_cast<size_t>(row * 8 + col)];
      for (int k = 0; k < 16; k++) sum += element(row * 16 + k) * element(3 * (k * 8 + col) + 1);
      expected.push_back(sum);
    }
  }
  const DeviceArray<T> left(a), right(b);
  const DeviceArray<float> sums(c);
  run_now(semantics_mma_kernel<T>, 1, 32, 0, left.data(), right.data(), sums.data());
  return sums.values() == expected;
}

bool ldmatrix_holds() {
  const DeviceArray<uint32_t> out(std::vector<uint32_t>(512, 0));
  run_now(semantics_ldmatrix_kernel, 1, 32, 0, out.data());
  std::vector<uint32_t> expected;
  for (uint32_t transposed = 0; transposed < 2; transposed++)
    for (uint32_t m = 0; m < 4; m++)
      for (uint32_t lane = 0; lane < 32; lane++)
        for (uint32_t i = 0; i < 2; i++) {
          const uint32_t row = lane / 4, col = lane % 4 * 2 + i;
          expected.push_back(m * 64 + (transposed ? col * 8 + row : row * 8 + col));
        }
  return out.values() == expected;
}

bool copies_hold() {
  std::vector<float> in(12);
  for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<float>(i + 1);
  const DeviceArray<float> source(in), out(std::vector<float>(24, 0.0f));
  run_now(semantics_copy_kernel, 1, 1, 48, source.data(), out.data());
  const std::vector<float> values = out.values();
  for (size_t i = 0; i < 24; i++) {
    const size_t element = i % 12, group = element / 4;
    if (i < 12 && group == 2) {
      if (!std::isnan(values[i])) return false;
    } else if (values[i] != (group == 1 ? 0.0f : in[element])) {
      return false;
    }
  }
  return true;
}

}  // namespace

}  // namespace honeybee::simt

const char* honeybee_simt_semantics() {
  using namespace honeybee::simt;
  static thread_local std::string failed;
  const std::pair<const char*, bool (*)()> parts[] = {
      {"shuffles", shuffles_hold},
      {"votes", votes_hold},
      {"atomics", atomics_hold},
      {"indices", indices_hold},
      {"mma of bf16", mma_holds<__nv_bfloat16>},
      {"mma of f16", mma_holds<__half>},
      {"ldmatrix", ldmatrix_holds},
      {"cp.async", copies_hold},
  };
  for (const auto& [name, holds] : parts) {
    try {
      if (!holds()) return name;
    } catch (const honeybee::Error& error) {
      return (failed = std::string(name) + ": " + error.what()).c_str();
    }
  }
  return "";
}
