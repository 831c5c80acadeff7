#pragma once
#include <array>
#include <cstddef>
#include <memory>

#include "cpu/isa.h"
#include "cpu/memory.h"
#include "cpu/thread_pool.h"

namespace honeybee::cpu {

/// Working memory of the operation that is running: buffers that grow and are kept. An operation that needs
/// several asks for different slots; what a slot holds is undefined when asked for, and valid until the same
/// slot is asked for again. Aligned to 64 bytes.
class Scratch {
 public:
  static constexpr int kSlots = 4;

  template <class T>
  T* get(int slot, int64_t count) {
    return static_cast<T*>(bytes(slot, static_cast<size_t>(count) * sizeof(T)));
  }

 private:
  void* bytes(int slot, size_t size);

  std::array<std::unique_ptr<HostMemory>, kSlots> buffers_;
};

/// What every operation of this backend gets besides its tensors.
struct Cpu {
  ThreadPool& pool;
  Scratch& scratch;
  Isa isa;               ///< of all kernels but products of bf16
  Isa bf16_isa;          ///< of products of bf16: the measured best, or `isa` when that was forced
  bool batch_invariant;  ///< bf16 products may not depend on the number of rows
};

}  // namespace honeybee::cpu
