#include "cpu/cpu.h"

#include <algorithm>

namespace honeybee::cpu {

void* Scratch::bytes(int slot, size_t size) {
  std::unique_ptr<HostMemory>& buffer = buffers_[static_cast<size_t>(slot)];
  if (buffer == nullptr || buffer->bytes() < size) {
    const size_t grown = std::max(size, buffer == nullptr ? size : buffer->bytes() * 3 / 2);
    buffer.reset();  // before the new one, so that both never exist
    buffer = std::make_unique<HostMemory>(std::max(grown, size_t{4096}));
  }
  return buffer->data();
}

}  // namespace honeybee::cpu
