#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

#include "device_array.h"
#include "exports.h"
#include "planted.h"
#include "planted_kernels.h"
#include "runtime_exports.h"
#include "schedule.h"

namespace honeybee::simt {

namespace {

/// Multiples of 1/8 in (-1, 1): their sums and products are exact, so results can be compared to the bit.
std::vector<float> eighths(size_t count) {
  RandomBits random(count);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(static_cast<int>(random.next() % 15) - 7) / 8.0f;
  return values;
}

template <class T>
std::vector<T> converted(const std::vector<float>& values) {
  std::vector<T> result;
  for (const float value : values) result.push_back(cuda::from_float<T>(value));
  return result;
}

template <class T>
bool run_neighbours(Planted fault) {
  constexpr int kRounds = 3;
  const std::vector<float> in = eighths(kRounds * 128);
  std::vector<float> expected(128, 0.0f);
  for (size_t t = 0; t < 128; t++)
    for (size_t row = 0; row < in.size(); row += 128)
      expected[t] += in[row + (t + 127) % 128] + in[row + (t + 1) % 128] + in[row + (t + 64) % 128];
  const DeviceArray<T> source(converted<T>(in));
  const DeviceArray<float> out(std::vector<float>(128, NAN));
  run_now(planted_neighbours_kernel<T>, 1, 128, 0, fault, source.data(), out.data(), kRounds);
  return out.values() == expected;
}

bool run_reverse(Planted fault) {
  constexpr size_t kThreads = 96;
  const std::vector<float> in = eighths(kThreads);
  std::vector<float> expected(kThreads);
  for (size_t t = 0; t < kThreads; t++) {
    expected[t] = in[t / 32 * 32 + 31 - t % 32];
    for (size_t lane = 0; lane < 32; lane++) expected[t] += in[t / 32 * 32 + lane];
  }
  const DeviceArray<float> source(in), out(std::vector<float>(kThreads, NAN));
  const size_t bytes = fault == Planted::kDynamicSharedTooLarge ? 227 * 1024 + 1 : kThreads * sizeof(float);
  run_now(planted_reverse_kernel, 1, kThreads, bytes, fault, source.data(), out.data());
  return out.values() == expected;
}

template <class T>
bool run_product(Planted fault) {
  constexpr int kM = 70, kN = 66, kK = 96;
  const std::vector<float> a = eighths(kM * kK), b = eighths(kN * kK);
  std::vector<float> expected(kM * kN, 0.0f);
  for (int i = 0; i < kM; i++)
    for (int j = 0; j < kN; j++)
      for (int l = 0; l < kK; l++) expected[i * kN + j] += a[i * kK + l] * b[j * kK + l];
  const DeviceArray<T> left(converted<T>(a)), right(converted<T>(b));
  const DeviceArray<float> out(std::vector<float>(kM * kN, NAN));
  const dim3 grid(2, fault == Planted::kGridTooLarge ? 65536 : 2);
  run_now(planted_product_kernel<T>, grid, 128, 0, fault, left.data(), right.data(), out.data(), kM, kN, kK);
  return out.values() == expected;
}

bool run_pairs(Planted fault) {
  const size_t threads = fault == Planted::kBlockTooLarge ? 1056 : 50, count = threads * 4;
  const std::vector<float> in = eighths(count);
  std::vector<float> expected(count);
  for (size_t i = 0; i < count; i++) expected[i] = in[i] + (i + 1 < count ? in[i + 1] : 0.0f);
  const DeviceArray<float> source(in), out(std::vector<float>(count, NAN));
  const DeviceArray<int> last({-1});
  run_now(planted_pairs_kernel, 1, threads, 0, fault, source.data(), out.data(), last.data(), count);
  return out.values() == expected && last.values()[0] == static_cast<int>(threads) - 1;
}

bool run_shared() {
  const DeviceArray<float> out({NAN});
  run_now(planted_shared_kernel, 1, 1, 0, out.data());
  return out.values()[0] == 2.0f;
}

struct Case {
  const char* name;
  bool (*run)(Planted fault);
};

Case case_of(Planted fault) {
  switch (fault) {
    case Planted::kNone:
      return {"none", [](Planted none) {
                return run_neighbours<float>(none) && run_neighbours<__half>(none) && run_reverse(none) &&
                       run_product<__nv_bfloat16>(none) && run_product<__half>(none) && run_pairs(none);
              }};
    case Planted::kNoBarrierBeforeRead:
      return {"no barrier before a read", run_neighbours<float>};
    case Planted::kNoBarrierAfterRead:
      return {"no barrier after a read", run_neighbours<float>};
    case Planted::kNoWarpBarrier:
      return {"no warp barrier before a read", run_reverse};
    case Planted::kNoCopyWait:
      return {"no wait for cp.async", run_product<__nv_bfloat16>};
    case Planted::kNoCopyBarrier:
      return {"no barrier after the wait for cp.async", run_product<__nv_bfloat16>};
    case Planted::kUnwrittenShared:
      return {"shared memory read before it is written", run_neighbours<float>};
    case Planted::kStaticSharedOverrun:
      return {"write beyond a shared array", run_neighbours<float>};
    case Planted::kDynamicSharedOverrun:
      return {"write beyond dynamic shared memory", run_reverse};
    case Planted::kGlobalWriteOverrun:
      return {"write beyond device memory", run_pairs};
    case Planted::kGlobalReadOverrun:
      return {"read beyond device memory", run_pairs};
    case Planted::kBarrierInBranch:
      return {"barriers in both branches", run_neighbours<float>};
    case Planted::kEarlyExit:
      return {"exit of some threads before a barrier", run_neighbours<float>};
    case Planted::kShuffleInBranch:
      return {"shuffles in both branches", run_reverse};
    case Planted::kShuffleMasksDiffer:
      return {"shuffle with differing masks", run_reverse};
    case Planted::kShuffleFromOutside:
      return {"shuffle from a lane outside the mask", run_reverse};
    case Planted::kLdmatrixMisaligned:
      return {"ldmatrix of a misaligned row", run_product<__half>};
    case Planted::kLdmatrixOfGlobal:
      return {"ldmatrix of device memory", run_product<__half>};
    case Planted::kCopyMisaligned:
      return {"cp.async of a misaligned address", run_product<__half>};
    case Planted::kTooManyCopies:
      return {"too many cp.async under way", run_product<__half>};
    case Planted::kVectorMisaligned:
      return {"misaligned vector load", run_pairs};
    case Planted::kNullPointer:
      return {"null pointer", run_pairs};
    case Planted::kFarPointer:
      return {"read far beyond device memory", run_pairs};
    case Planted::kStackOverflow:
      return {"stack overflow", run_pairs};
    case Planted::kStaticSharedTooLarge:
      return {"static shared memory beyond 48 KiB", [](Planted) { return run_shared(); }};
    case Planted::kDynamicSharedTooLarge:
      return {"dynamic shared memory beyond 227 KiB", run_reverse};
    case Planted::kBlockTooLarge:
      return {"block of more than 1024 threads", run_pairs};
    case Planted::kGridTooLarge:
      return {"grid of more than 65535 in y", run_product<__half>};
    case Planted::kOneWordRace:
      return {"all threads write one word", run_pairs};
    case Planted::kCount:
      break;
  }
  return {nullptr, nullptr};
}

}  // namespace

const char* planted_name(Planted fault) { return case_of(fault).name; }

bool run_planted(Planted fault) { return case_of(fault).run(fault); }

}  // namespace honeybee::simt

int honeybee_simt_planted(int fault, char* message, size_t capacity) {
  using namespace honeybee;
  if (fault < 0 || fault >= static_cast<int>(simt::Planted::kCount)) return -1;
  std::snprintf(message, capacity, "%s", "");
  try {
    return simt::run_planted(static_cast<simt::Planted>(fault)) ? 0 : 1;
  } catch (const Error& error) {
    honeybee_simt_reset_faults();  // damaged memory was reported again when it was freed
    std::snprintf(message, capacity, "%s", error.what());
    return 2;
  }
}

const char* honeybee_simt_planted_name(int fault) {
  return fault < 0 ? nullptr : honeybee::simt::planted_name(static_cast<honeybee::simt::Planted>(fault));
}
