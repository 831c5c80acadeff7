#include "cpu/memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "cpu/machine.h"

namespace honeybee::cpu {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;

// From this size on the machine is asked whether it has the memory: asking takes some 50 microseconds.
constexpr size_t kAskFrom = size_t{4} << 20;

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

[[noreturn]] void fail_allocation(size_t bytes) {
  fail(ErrorCode::kOutOfMemory, "cannot allocate ", bytes, " bytes (", bytes >> 20,
       " MiB): ", available_memory() >> 20,
       " MiB are available; use narrower weights, a shorter context or a smaller model");
}

// Maps `size` bytes from a multiple of 2 MiB on. Nothing beyond them stays mapped, so that the kernel fills
// the tail with small pages instead of one more huge page.
void* map_aligned(size_t size) {
  const size_t room = size + kHugePage;
  void* const mapping = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(mapping);
  const size_t head =
      round_up(reinterpret_cast<uintptr_t>(begin), kHugePage) - reinterpret_cast<uintptr_t>(begin);
  if (head > 0) munmap(begin, head);
  munmap(begin + head + size, room - head - size);
  madvise(begin + head, size, MADV_HUGEPAGE);  // a wish: without huge pages everything still works
  return begin + head;
}

}  // namespace

HostMemory::HostMemory(size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  if (bytes > PTRDIFF_MAX - kHugePage) fail_allocation(bytes);
  if (bytes >= kAskFrom && bytes > available_memory()) fail_allocation(bytes);
  if (bytes < kHugePage) {
    data_ = std::aligned_alloc(kAlignment, round_up(bytes, kAlignment));
    if (data_ == nullptr) fail_allocation(bytes);
    std::memset(data_, 0, bytes);
    return;
  }
  mapped_ = round_up(bytes, kPage);
  data_ = map_aligned(mapped_);
  if (data_ == nullptr) fail_allocation(bytes);
}

HostMemory::~HostMemory() {
  if (mapped_ > 0)
    munmap(data_, mapped_);
  else
    std::free(data_);
}

}  // namespace honeybee::cpu
