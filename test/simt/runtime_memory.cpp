#include "runtime_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sstream>

#include "kernel_fault.h"
#include "sanitizers.h"

namespace honeybee::simt {
namespace {

constexpr unsigned char kNan = 0xff;  // every float made of it is NaN, 16 bits or 32
// The red zone before an allocation can be a page; a write far off hits the next guard more likely.
constexpr std::ptrdiff_t kCheckedBefore = 512;

// AddressSanitizer reports an access to a red zone itself, and the check of one too.
#ifdef SIMT_ASAN
constexpr bool kAccessesAreWatched = true;
#else
constexpr bool kAccessesAreWatched = false;
#endif

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

// The last entry that begins at or before the address.
const Allocation* at_or_before(const std::map<const std::byte*, Allocation>& map, const void* address) {
  auto next = map.upper_bound(static_cast<const std::byte*>(address));
  return next == map.begin() ? nullptr : &std::prev(next)->second;
}

// What a red zone holds: 0xfffd, which is NaN too, and no integer that a kernel is likely to write.
std::byte red_zone_byte(const std::byte* address) {
  return std::byte{reinterpret_cast<uintptr_t>(address) % 2 == 0 ? uint8_t{0xfd} : uint8_t{0xff}};
}

void make_red_zone(std::byte* begin, std::byte* end) {
  for (std::byte* b = begin; b < end; b++) *b = red_zone_byte(b);
  poison(begin, static_cast<size_t>(end - begin));
}

// The first byte that is no red zone any more; `end` if there is none.
const std::byte* first_written(const std::byte* begin, const std::byte* end) {
  while (begin < end && *begin == red_zone_byte(begin)) begin++;
  return begin;
}

std::string position(const Allocation& allocation, const void* address) {
  const std::ptrdiff_t offset = static_cast<const std::byte*>(address) - allocation.data;
  std::ostringstream text;
  text << "byte " << offset << " of allocation " << allocation.number << ", which has " << allocation.bytes
       << " bytes";
  return text.str();
}

}  // namespace

bool Allocation::holds(const void* begin, size_t size) const {
  const auto* first = static_cast<const std::byte*>(begin);
  return first >= data && size <= bytes && first - data <= static_cast<std::ptrdiff_t>(bytes - size);
}

size_t DeviceHeap::capacity() {
  const char* bytes = std::getenv("HONEYBEE_SIMT_MEMORY");
  return bytes == nullptr ? size_t{4} << 30 : std::strtoull(bytes, nullptr, 10);
}

void* DeviceHeap::allocate(int device, size_t bytes) {
  const size_t room = capacity();
  if (bytes > room || used_[device] > room - bytes) return nullptr;
  const size_t page = page_bytes();
  const size_t aligned = round_up(bytes, kAlignment);
  const size_t own = round_up(aligned, page);
  void* reserved =
      mmap(nullptr, own + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return nullptr;
  auto* const mapping = static_cast<std::byte*>(reserved) + page;
  if (mprotect(mapping, own, PROT_READ | PROT_WRITE) != 0) {
    munmap(reserved, own + 2 * page);
    return nullptr;
  }
  const Allocation allocation{++last_number_, device, mapping + own - aligned, bytes, mapping, own};
  std::memset(allocation.data, kNan, bytes);
  make_red_zone(mapping, allocation.data);
  make_red_zone(allocation.data + bytes, allocation.mapping_end());
  live_.emplace(mapping, allocation);
  used_[device] += bytes;
  return allocation.data;
}

bool DeviceHeap::release(void* data) {
  const Allocation* found = find(data);
  if (found == nullptr || found->data != data) return false;
  const Allocation allocation = *found;
  live_.erase(allocation.mapping);
  freed_.emplace(allocation.mapping, allocation);
  used_[allocation.device] -= allocation.bytes;
  std::string damage;
  try {
    check(allocation);
  } catch (const KernelFault& fault) {
    damage = fault.what();
  }
  unpoison(allocation.mapping, allocation.mapping_bytes);
  // The pages go back to the system, their addresses stay taken.
  madvise(allocation.mapping, allocation.mapping_bytes, MADV_DONTNEED);
  mprotect(allocation.mapping, allocation.mapping_bytes, PROT_NONE);
  if (!damage.empty()) throw KernelFault(damage);
  return true;
}

const Allocation* DeviceHeap::find(const void* address) const {
  const Allocation* allocation = at_or_before(live_, address);
  // The end counts as inside: an empty range may begin there.
  if (allocation == nullptr || !allocation->holds(address, 0)) return nullptr;
  return allocation;
}

void DeviceHeap::check() const {
  for (const auto& [mapping, allocation] : live_) check(allocation);
}

void DeviceHeap::check(const Allocation& allocation) const {
  if (kAccessesAreWatched) return;
  const std::byte* const before =
      allocation.data - std::min(kCheckedBefore, allocation.data - allocation.mapping);
  const std::byte* bad = first_written(before, allocation.data);
  if (bad == allocation.data)
    bad = first_written(allocation.data + allocation.bytes, allocation.mapping_end());
  if (bad != allocation.mapping_end())
    throw KernelFault("device memory was written out of bounds: " + position(allocation, bad));
}

std::string DeviceHeap::describe(const void* address) const {
  const std::ptrdiff_t guard = static_cast<std::ptrdiff_t>(page_bytes());
  const auto* const byte = static_cast<const std::byte*>(address);
  for (const auto* map : {&live_, &freed_}) {
    // A guard page belongs to the allocation behind it as well.
    for (const Allocation* allocation : {at_or_before(*map, byte), at_or_before(*map, byte + guard)}) {
      if (allocation == nullptr || byte < allocation->mapping - guard ||
          byte >= allocation->mapping_end() + guard)
        continue;
      return position(*allocation, address) + (map == &freed_ ? " and was freed" : "");
    }
  }
  return "no device memory";
}

size_t DeviceHeap::used(int device) const {
  const auto found = used_.find(device);
  return found == used_.end() ? 0 : found->second;
}

size_t DeviceHeap::used() const {
  size_t sum = 0;
  for (const auto& [device, bytes] : used_) sum += bytes;
  return sum;
}

void* PinnedHeap::allocate(size_t bytes) {
  void* data = std::malloc(bytes);
  if (data == nullptr) return nullptr;
  std::memset(data, kNan, bytes);
  live_.emplace(static_cast<std::byte*>(data), bytes);
  return data;
}

bool PinnedHeap::release(void* data) {
  if (live_.erase(static_cast<std::byte*>(data)) == 0) return false;
  std::free(data);
  return true;
}

bool PinnedHeap::holds(const void* begin, size_t bytes) const {
  const auto* const first = static_cast<const std::byte*>(begin);
  auto next = live_.upper_bound(first);
  if (next == live_.begin()) return false;
  const auto& [data, size] = *std::prev(next);
  return bytes <= size && first - data <= static_cast<std::ptrdiff_t>(size - bytes);
}

int64_t PinnedHeap::bytes() const {
  int64_t sum = 0;
  for (const auto& [data, bytes] : live_) sum += static_cast<int64_t>(bytes);
  return sum;
}

}  // namespace honeybee::simt
