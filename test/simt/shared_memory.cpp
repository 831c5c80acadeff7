#include "shared_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "multiprocessor.h"
#include "sanitizers.h"

namespace honeybee::simt {

namespace {

constexpr size_t kAlignment = 128;

size_t round_up(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

SharedMemory::SharedMemory() : arena_(static_cast<std::byte*>(std::aligned_alloc(kAlignment, kArena))) {
  if (!arena_) throw std::bad_alloc();
  used_ = kArena;
  for (int& slot : slot_) slot = -1;
}

SharedMemory::~SharedMemory() {
  unpoison(arena_, kArena);
  std::free(arena_);
}

void SharedMemory::begin_block(size_t dynamic_bytes) {
  const size_t needed = kGap + round_up(dynamic_bytes) + kGap;
  unpoison(arena_, kArena);
  std::memset(arena_, 0xff, std::max(used_, needed));
  poison(arena_, kArena);
  unpoison(dynamic(), dynamic_bytes);
  used_ = needed;
  dynamic_bytes_ = dynamic_bytes;
  static_bytes_ = 0;
  for (int i = 0; i < placed_count_; i++) slot_[placed_[i].id] = -1;
  placed_count_ = 0;
}

SIMT_UNTRACED void* SharedMemory::place(SharedArray& array) {
  int id = __atomic_load_n(&array.id, __ATOMIC_RELAXED);
  if (id < 0) id = identify(array);
  if (slot_[id] < 0) {
    static_bytes_ += round_up(array.bytes);
    if (static_bytes_ > kStaticLimit || static_bytes_ + dynamic_bytes_ > kLimit ||
        placed_count_ == kMaxPlaced)
      return nullptr;
    slot_[id] = placed_count_;
    placed_[placed_count_++] = {array.name, id, used_, array.bytes};
    unpoison(arena_ + used_, array.bytes);
    used_ += round_up(array.bytes) + kGap;
  }
  return arena_ + placed_[slot_[id]].begin;
}

SIMT_UNTRACED int SharedMemory::identify(SharedArray& array) {
  static int count = 0;
  int expected = -1;
  const int id = __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
  if (id >= kMaxArrays) std::abort();
  // Of two OS threads that meet here one wins; the other's number stays unused.
  __atomic_compare_exchange_n(&array.id, &expected, id, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected < 0 ? id : expected;
}

SIMT_UNTRACED bool SharedMemory::holds(const void* pointer) const {
  const auto* byte = static_cast<const std::byte*>(pointer);
  return byte >= arena_ && byte + 16 <= arena_ + used_;
}

SIMT_UNTRACED size_t SharedMemory::offset(const void* pointer) const {
  return static_cast<size_t>(static_cast<const std::byte*>(pointer) - arena_);
}

std::string SharedMemory::overflow() const {
  unpoison(arena_, used_);
  std::string found = written_between(0, kGap, "before dynamic shared memory");
  size_t end = kGap + dynamic_bytes_;
  std::string neighbour = "the " + std::to_string(dynamic_bytes_) + " bytes of dynamic shared memory";
  for (int i = 0; i <= placed_count_ && found.empty(); i++) {
    const bool last = i == placed_count_;
    found = written_between(end, last ? used_ : placed_[i].begin, "beyond " + neighbour);
    if (last) break;
    end = placed_[i].begin + placed_[i].bytes;
    neighbour =
        "the " + std::to_string(placed_[i].bytes) + " bytes of the shared array '" + placed_[i].name + "'";
  }
  return found;
}

std::string SharedMemory::written_between(size_t begin, size_t end, const std::string& place) const {
  for (size_t i = begin; i < end; i++) {
    if (arena_[i] != std::byte{0xff})
      return "shared memory out of bounds: byte " + std::to_string(i - begin) + " " + place + " was written";
  }
  return "";
}

SIMT_UNTRACED void* shared_array(SharedArray& array) {
  void* const place = multiprocessor->shared().place(array);
  if (!place) multiprocessor->fail({.kind = FaultKind::kSharedTooLarge, .name = array.name});
  return place;
}

SIMT_UNTRACED void* dynamic_shared() { return multiprocessor->shared().dynamic(); }

}  // namespace honeybee::simt
