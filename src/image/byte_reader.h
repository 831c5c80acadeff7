#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/error.h"

namespace honeybee {

/// Little-endian reads from a file in memory; each is checked against its end.
class ByteReader {
 public:
  ByteReader(std::span<const uint8_t> bytes, const char* format) : bytes_(bytes), format_(format) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }
  void seek(size_t position) { position_ = std::min(position, bytes_.size()); }
  void skip(size_t count) { seek(position_ + std::min(count, left())); }

  uint8_t u8() { return take(1)[0]; }
  uint16_t u16() {
    const auto b = take(2);
    return static_cast<uint16_t>(b[0] | b[1] << 8);
  }
  uint32_t u32() {
    const uint32_t low = u16();
    return low | uint32_t{u16()} << 16;
  }

  /// The next `count` bytes. Throws Error(kImage) if the file ends before.
  std::span<const uint8_t> take(size_t count) {
    require(count <= left(), ErrorCode::kImage, "the ", format_, " header is cut off: the file ends at byte ",
            bytes_.size(), ", before any pixel");
    position_ += count;
    return bytes_.subspan(position_ - count, count);
  }

  /// The next `count` bytes, or as many as there are.
  std::span<const uint8_t> take_available(size_t count) { return take(std::min(count, left())); }

 private:
  std::span<const uint8_t> bytes_;
  const char* format_;
  size_t position_ = 0;
};

}  // namespace honeybee
