#include "image/bmp_rle.h"

#include <algorithm>

#include "image/byte_reader.h"

namespace honeybee {
namespace {

enum Escape : uint8_t { kEndOfLine = 0, kEndOfPicture = 1, kMove = 2 };

/// Writes indices row after row; what would leave its row or the picture is dropped.
class IndexWriter {
 public:
  IndexWriter(int width, int height) : width_(width), indices_(size_t(width) * height) {}

  bool full() const { return row_start_ >= indices_.size(); }
  void put(uint8_t index) {
    if (!full() && x_ < width_) indices_[row_start_ + x_++] = index;
  }
  void move(size_t right, size_t rows) {
    x_ = std::min(x_ + right, width_);
    row_start_ += rows * width_;
  }
  void next_row() {
    x_ = 0;
    row_start_ += width_;
  }
  std::vector<uint8_t> take() { return std::move(indices_); }

 private:
  size_t width_;
  size_t x_ = 0;
  size_t row_start_ = 0;
  std::vector<uint8_t> indices_;
};

}  // namespace

std::vector<uint8_t> unpack_bmp_runs(std::span<const uint8_t> stream, const BmpHeader& header) {
  const bool nibbles = header.bits_per_pixel == 4;
  IndexWriter writer(header.width, header.height);
  ByteReader reader(stream, "BMP");
  while (reader.left() >= 2 && !writer.full()) {
    const uint8_t count = reader.u8();
    const uint8_t value = reader.u8();
    if (count > 0) {
      for (int i = 0; i < count; ++i) writer.put(!nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15);
    } else if (value == kEndOfLine) {
      writer.next_row();
    } else if (value == kEndOfPicture) {
      break;
    } else if (value == kMove) {
      if (reader.left() < 2) break;
      const uint8_t right = reader.u8();
      writer.move(right, reader.u8());
    } else {
      // `value` literal indices, filled up to an even number of bytes.
      const auto literals = reader.take_available(nibbles ? (value + 1) / 2 : value);
      for (size_t i = 0; i < value && i / (nibbles ? 2 : 1) < literals.size(); ++i) {
        if (nibbles) {
          writer.put(i % 2 == 0 ? literals[i / 2] >> 4 : literals[i / 2] & 15);
        } else {
          writer.put(literals[i]);
        }
      }
      reader.skip(literals.size() % 2);
    }
  }
  return writer.take();
}

}  // namespace honeybee
