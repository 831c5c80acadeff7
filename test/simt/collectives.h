#pragma once
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

/// Barriers, shuffles and votes. Each takes the place it is called from as a default argument, so that a
/// fault can name it and lanes that meet in different places are found out.
namespace honeybee::simt {

using Where = std::source_location;

enum class Operation : uint8_t {
  kSyncWarp,
  kShuffle,
  kShuffleXor,
  kShuffleUp,
  kShuffleDown,
  kBallot,
  kLdmatrix,
  kLdmatrixTransposed,
  kMma,
};

struct Bits16 {
  uint64_t words[2];
};

/// Waits for every thread of the block; returns how many of them passed `predicate`.
int block_barrier(bool predicate, Where where);
void warp_barrier(uint32_t mask, Where where);
/// The value of lane `source`.
Bits16 shuffle(Operation operation, uint32_t mask, Bits16 value, int source, Where where);
uint32_t ballot(uint32_t mask, bool predicate, Where where);
/// 0 … 31, of the running thread.
int lane_index();

template <class T>
T shuffle_value(Operation operation, uint32_t mask, const T& value, int source, Where where) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(Bits16));
  Bits16 bits{};
  std::memcpy(&bits, &value, sizeof(T));
  bits = shuffle(operation, mask, bits, source, where);
  T result;
  std::memcpy(&result, &bits, sizeof(T));
  return result;
}

}  // namespace honeybee::simt

#define SIMT_HERE honeybee::simt::Where where = honeybee::simt::Where::current()

inline void __syncthreads(SIMT_HERE) { honeybee::simt::block_barrier(false, where); }
inline int __syncthreads_count(int predicate, SIMT_HERE) {
  return honeybee::simt::block_barrier(predicate != 0, where);
}
inline int __syncthreads_or(int predicate, SIMT_HERE) {
  return honeybee::simt::block_barrier(predicate != 0, where) != 0;
}
inline int __syncthreads_and(int predicate, SIMT_HERE) {
  return honeybee::simt::block_barrier(predicate == 0, where) == 0;
}

inline void __syncwarp(uint32_t mask = 0xffffffffu, SIMT_HERE) { honeybee::simt::warp_barrier(mask, where); }
inline uint32_t __ballot_sync(uint32_t mask, int predicate, SIMT_HERE) {
  return honeybee::simt::ballot(mask, predicate != 0, where);
}
inline int __any_sync(uint32_t mask, int predicate, SIMT_HERE) {
  return honeybee::simt::ballot(mask, predicate != 0, where) != 0;
}
inline int __all_sync(uint32_t mask, int predicate, SIMT_HERE) {
  return honeybee::simt::ballot(mask, predicate != 0, where) == mask;
}

// `width` (a power of two, at most 32) splits a warp into segments that shuffle by themselves. A lane whose
// source lies outside its segment keeps its own value.
template <class T>
T __shfl_sync(uint32_t mask, T value, int source, int width = 32, SIMT_HERE) {
  const int lane = honeybee::simt::lane_index();
  return honeybee::simt::shuffle_value(honeybee::simt::Operation::kShuffle, mask, value,
                                       (lane & ~(width - 1)) | (source & (width - 1)), where);
}
template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int lane_mask, int width = 32, SIMT_HERE) {
  const int lane = honeybee::simt::lane_index();
  const int source = lane ^ lane_mask;
  // Unlike up and down, xor may reach into an earlier segment.
  const bool reachable = source <= (lane | (width - 1));
  return honeybee::simt::shuffle_value(honeybee::simt::Operation::kShuffleXor, mask, value,
                                       reachable ? source : lane, where);
}
template <class T>
T __shfl_up_sync(uint32_t mask, T value, unsigned delta, int width = 32, SIMT_HERE) {
  const int lane = honeybee::simt::lane_index();
  const int source = lane - static_cast<int>(delta);
  const bool reachable = source >= (lane & ~(width - 1));
  return honeybee::simt::shuffle_value(honeybee::simt::Operation::kShuffleUp, mask, value,
                                       reachable ? source : lane, where);
}
template <class T>
T __shfl_down_sync(uint32_t mask, T value, unsigned delta, int width = 32, SIMT_HERE) {
  const int lane = honeybee::simt::lane_index();
  const int source = lane + static_cast<int>(delta);
  const bool reachable = source <= (lane | (width - 1));
  return honeybee::simt::shuffle_value(honeybee::simt::Operation::kShuffleDown, mask, value,
                                       reachable ? source : lane, where);
}
