#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "image/byte_reader.h"

namespace honeybee {

/// The dictionary of GIF's LZW: each code is a shorter code and one more index.
class LzwTable {
 public:
  static constexpr int kMaxBits = 12;

  explicit LzwTable(int index_bits) : clear_(1 << index_bits) { reset(); }

  void reset() {
    next_ = clear_ + 2;
    previous_ = -1;
  }
  int clear_code() const { return clear_; }
  int end_code() const { return clear_ + 1; }
  int size() const { return next_; }

  /// Hands the indices of `code` to `put(index) → bool` and learns the next code. False if the code does not
  /// exist yet or `put` wants no more.
  template <class Put>
  bool expand(int code, Put& put) {
    const bool unknown = code >= next_;
    if (unknown && (code > next_ || previous_ < 0)) return false;
    int depth = 0;
    if (unknown) stack_[depth++] = first_;  // previous + its own first index
    int at = unknown ? previous_ : code;
    for (; at >= clear_; at = prefix_[at]) stack_[depth++] = suffix_[at];
    first_ = static_cast<uint8_t>(at);
    stack_[depth++] = first_;
    if (previous_ >= 0 && next_ < 1 << kMaxBits) {
      prefix_[next_] = static_cast<uint16_t>(previous_);
      suffix_[next_] = first_;
      ++next_;
    }
    previous_ = code;
    while (depth > 0) {
      if (!put(stack_[--depth])) return false;
    }
    return true;
  }

 private:
  int clear_;
  int next_ = 0;
  int previous_ = -1;
  uint8_t first_ = 0;
  std::array<uint16_t, 1 << kMaxBits> prefix_;
  std::array<uint8_t, 1 << kMaxBits> suffix_;
  std::array<uint8_t, (1 << kMaxBits) + 1> stack_;
};

/// Unpacks a frame: `data` starts at the minimum code size and goes on in blocks with a length byte each.
/// Every index is handed to `put(index) → bool`, until that returns false, the stream ends, or it breaks.
template <class Put>
void unpack_gif_lzw(std::span<const uint8_t> data, Put put) {
  ByteReader reader(data, "GIF");
  if (reader.left() == 0) return;
  const int index_bits = reader.u8();
  if (index_bits < 1 || index_bits > 8) return;
  LzwTable table(index_bits);
  uint32_t buffer = 0;
  int buffered = 0;
  int code_bits = index_bits + 1;
  while (reader.left() > 0) {
    const size_t block_bytes = reader.u8();
    if (block_bytes == 0 || block_bytes > reader.left()) return;  // a block cut off counts for nothing
    const auto block = reader.take(block_bytes);
    for (const uint8_t byte : block) {
      buffer |= uint32_t{byte} << buffered;
      buffered += 8;
      while (buffered >= code_bits) {
        const int code = static_cast<int>(buffer & ((1U << code_bits) - 1));
        buffer >>= code_bits;
        buffered -= code_bits;
        if (code == table.end_code()) return;
        if (code == table.clear_code()) {
          table.reset();
        } else if (!table.expand(code, put)) {
          return;
        }
        code_bits = index_bits + 1;
        while (code_bits < LzwTable::kMaxBits && table.size() >= 1 << code_bits) ++code_bits;
      }
    }
  }
}

}  // namespace honeybee
