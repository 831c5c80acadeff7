#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "sanitizers.h"

/// The shared memory of a simulated multiprocessor: one arena for the arrays whose size the compiler knows
/// and for what a launch asks, laid out anew for each block. All of it, gaps included, starts as 0xff bytes:
/// a value that nobody wrote reads as NaN (or -1), and a gap that reads otherwise at the end was written
/// beyond the end of an array. With AddressSanitizer the gaps are poisoned.
namespace honeybee::simt {

template <class T>
using Identity = T;

/// One declaration of HB_SHARED (in one instance of a template).
struct SharedArray {
  const char* name;
  size_t bytes;
  int id = -1;  ///< given at first use
};

class SharedMemory {
 public:
  static constexpr size_t kStaticLimit = 48 * 1024;
  static constexpr size_t kLimit = 227 * 1024;
  static constexpr int kMaxArrays = 512;

  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// Forgets every array and holds `dynamic_bytes` for the next block.
  void begin_block(size_t dynamic_bytes);
  /// Where the array lies in this block; nullptr if static arrays exceed kStaticLimit or all exceed kLimit.
  void* place(SharedArray& array);
  SIMT_UNTRACED void* dynamic() const { return arena_ + kGap; }
  /// Whether bytes [pointer, pointer + 16) lie in the arena.
  bool holds(const void* pointer) const;
  size_t offset(const void* pointer) const;
  /// What was written outside of any array: "" or a sentence.
  std::string overflow() const;

 private:
  static constexpr size_t kGap = 128;
  static constexpr int kMaxPlaced = 64;
  static constexpr size_t kArena = kLimit + (kMaxPlaced + 4) * 2 * kGap;
  struct Placed {
    const char* name;
    int id;
    size_t begin, bytes;
  };
  static int identify(SharedArray& array);
  std::string written_between(size_t begin, size_t end, const std::string& place) const;

  std::byte* arena_;  ///< a gap, dynamic memory, then each array behind another gap
  size_t used_;       ///< bytes laid out so far, the last gap included
  size_t static_bytes_ = 0;
  size_t dynamic_bytes_ = 0;
  Placed placed_[kMaxPlaced];
  int placed_count_ = 0;
  int slot_[kMaxArrays];  ///< index into placed_ by id, or -1
};

/// For the running thread (a fault if there is no room).
void* shared_array(SharedArray& array);
void* dynamic_shared();

}  // namespace honeybee::simt
