#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace honeybee::simt {

/// A live or freed piece of device memory.
struct Allocation {
  uint64_t number;  ///< counted from 1 over the life of the process
  int device;
  std::byte* data;
  size_t bytes;
  std::byte* mapping;  ///< data with its red zones, whole pages between two guard pages
  size_t mapping_bytes;

  std::byte* mapping_end() const { return mapping + mapping_bytes; }
  bool holds(const void* begin, size_t size) const;
};

/// Device memory. Every allocation has pages of its own and ends as close to its last page as alignment to
/// 256 bytes allows. Behind and before them are pages that nobody may touch; the rest of its own pages is a
/// red zone, known by its content. New memory is NaN in every format. Freed memory may never be touched again
/// and its addresses are not used twice.
class DeviceHeap {
 public:
  static constexpr size_t kAlignment = 256;

  /// Bytes that a device holds: HONEYBEE_SIMT_MEMORY, 4 GiB unless set.
  static size_t capacity();

  /// nullptr beyond the capacity of the device.
  void* allocate(int device, size_t bytes);
  /// False if no allocation begins there. Throws KernelFault if its red zones were written; it is freed even
  /// so.
  bool release(void* data);

  /// The live allocation that this address lies in, or nullptr.
  const Allocation* find(const void* address) const;
  /// Throws KernelFault naming allocation and offset if a red zone was written.
  void check() const;
  /// "byte 64 of allocation 12, which has 48 bytes", "… which was freed", or "no device memory".
  std::string describe(const void* address) const;

  int64_t count() const { return static_cast<int64_t>(live_.size()); }
  /// Bytes taken on a device, and on all of them.
  size_t used(int device) const;
  size_t used() const;

 private:
  void check(const Allocation& allocation) const;

  std::map<const std::byte*, Allocation> live_;   ///< by mapping
  std::map<const std::byte*, Allocation> freed_;  ///< by mapping; for messages
  std::map<int, size_t> used_;                    ///< bytes by device
  uint64_t last_number_ = 0;
};

/// Page-locked host memory, filled with NaN.
class PinnedHeap {
 public:
  void* allocate(size_t bytes);
  /// False if no allocation begins there.
  bool release(void* data);
  /// Whether the bytes lie in one allocation.
  bool holds(const void* begin, size_t bytes) const;

  int64_t count() const { return static_cast<int64_t>(live_.size()); }
  int64_t bytes() const;

 private:
  std::map<const std::byte*, size_t> live_;
};

}  // namespace honeybee::simt
