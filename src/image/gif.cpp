#include "image/gif.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "image/byte_reader.h"
#include "image/gif_lzw.h"

namespace honeybee {
namespace {

constexpr uint8_t kExtension = 0x21;
constexpr uint8_t kFrame = 0x2C;
constexpr uint8_t kTrailer = 0x3B;
constexpr uint8_t kGraphicControl = 0xF9;
constexpr uint8_t kHasPalette = 0x80;
constexpr uint8_t kInterlaced = 0x40;

void read_palette(ByteReader& reader, uint8_t flags, Palette& palette) {
  palette.clear();
  const int colors = 2 << (flags & 7);
  for (int i = 0; i < colors; ++i) {
    const auto color = reader.take(3);
    palette.set(i, color[0], color[1], color[2]);
  }
}

void skip_blocks(ByteReader& reader) {
  while (const uint8_t size = reader.u8()) reader.take(size);
}

void read_extension(ByteReader& reader, GifHeader& header) {
  const uint8_t label = reader.u8();
  if (label == kGraphicControl) {
    const auto block = reader.take(reader.u8());
    const bool has_transparency = block.size() >= 4 && (block[0] & 1) != 0;
    if (has_transparency) header.background = block[3];
    if (block.empty()) return;  // that was the terminator
  }
  skip_blocks(reader);
}

void read_frame(ByteReader& reader, GifHeader& header) {
  header.left = reader.u16();
  header.top = reader.u16();
  header.frame_width = reader.u16();
  header.frame_height = reader.u16();
  header.width = std::max(header.width, header.left + header.frame_width);
  header.height = std::max(header.height, header.top + header.frame_height);
  const uint8_t flags = reader.u8();
  header.interlaced = (flags & kInterlaced) != 0;
  if ((flags & kHasPalette) != 0) read_palette(reader, flags, header.palette);
  header.data_offset = reader.position();
  require(header.width > 0 && header.height > 0, ErrorCode::kImage, "the GIF header gives ", header.width,
          "×", header.height, " pixels; a picture has at least 1×1");
}

/// Frame rows in the order the file stores them: every 8th from 0, every 8th from 4, every 4th from 2, the
/// odd ones.
class RowOrder {
 public:
  RowOrder(int height, bool interlaced) : height_(height), pass_(interlaced ? 0 : kPasses) {}

  /// The row stored next, or -1 after the last.
  int next() {
    if (pass_ == kPasses) return row_ < height_ ? row_++ : -1;
    while (row_ >= height_) {
      if (++pass_ >= kPasses) {
        pass_ = kPasses;
        row_ = height_;
        return -1;
      }
      row_ = kStart[pass_];
    }
    const int row = row_;
    row_ += kStep[pass_];
    return row;
  }

 private:
  static constexpr int kPasses = 4;
  static constexpr int kStart[kPasses] = {0, 4, 2, 1};
  static constexpr int kStep[kPasses] = {8, 8, 4, 2};
  int height_;
  int pass_;
  int row_ = 0;
};

}  // namespace

GifHeader read_gif_header(std::span<const uint8_t> file) {
  ByteReader reader(file, "GIF");
  reader.skip(6);  // GIF87a or GIF89a
  GifHeader header;
  header.width = reader.u16();
  header.height = reader.u16();
  const uint8_t flags = reader.u8();
  reader.skip(2);  // background colour, which Pillow does not paint either, and pixel aspect ratio
  if ((flags & kHasPalette) != 0) read_palette(reader, flags, header.palette);
  for (;;) {
    const uint8_t introducer = reader.u8();
    if (introducer == kExtension) read_extension(reader, header);
    if (introducer == kFrame) {
      read_frame(reader, header);
      return header;
    }
    require(introducer != kTrailer, ErrorCode::kImage, "the GIF ends without a frame");
  }
}

void decode_gif(std::span<const uint8_t> file, const GifHeader& header, uint8_t* out) {
  const size_t pixels = size_t(header.width) * header.height;
  for (size_t i = 0; i < pixels; ++i) std::memcpy(out + 3 * i, header.palette[header.background].data(), 3);

  RowOrder rows(header.frame_height, header.interlaced);
  int x = 0;
  int y = header.frame_width > 0 ? rows.next() : -1;
  unpack_gif_lzw(file.subspan(header.data_offset), [&](uint8_t index) {
    if (y < 0) return false;
    const size_t at = size_t(header.top + y) * header.width + header.left + x;
    std::memcpy(out + 3 * at, header.palette[index].data(), 3);
    if (++x == header.frame_width) {
      x = 0;
      y = rows.next();
    }
    return true;
  });
}

}  // namespace honeybee
