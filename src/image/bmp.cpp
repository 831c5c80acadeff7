#include "image/bmp.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "image/bmp_rle.h"
#include "image/byte_reader.h"

namespace honeybee {
namespace {

constexpr size_t kFileHeaderBytes = 14;
constexpr std::array<uint8_t, 3> kBlack = {0, 0, 0};
constexpr uint32_t kOs2Header = 12;
constexpr uint32_t kInfoHeader = 40;
constexpr uint32_t kHeaderWithMasks = 52;

enum Compression : uint32_t { kNone = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

int positive_side(int64_t side, const char* name) {
  require(side > 0 && side <= INT32_MAX, ErrorCode::kImage, "the BMP header gives a ", name, " of ", side,
          " pixels; a picture has at least 1");
  return static_cast<int>(side);
}

std::array<uint32_t, 3> default_masks(int bits_per_pixel) {
  if (bits_per_pixel == 16) return {0x7C00, 0x03E0, 0x001F};
  return {0xFF0000, 0x00FF00, 0x0000FF};
}

void check_combination(int bits, uint32_t compression) {
  const bool known = bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
  const bool fits = compression == kNone || (compression == kRle8 && bits == 8) ||
                    (compression == kRle4 && bits == 4) ||
                    (compression == kBitFields && (bits == 16 || bits == 32));
  require(known && fits, ErrorCode::kImage, "the BMP has ", bits, " bits per pixel with compression ",
          compression,
          "; supported are 1, 4, 8, 16, 24 and 32 bits, run-length for 4 and 8, bit fields for 16 and 32");
}

void check_mask(uint32_t mask) {
  const uint32_t low_ones = mask == 0 ? 0 : mask >> std::countr_zero(mask);
  require(mask != 0 && (low_ones & (low_ones + 1)) == 0 && low_ones <= 0xFFFF, ErrorCode::kImage,
          "a BMP colour mask is ", mask, "; expected 1 to 16 neighbouring bits");
}

void read_palette(ByteReader& reader, uint32_t colors, int entry_bytes, Palette& palette) {
  palette.clear();
  for (uint32_t i = 0; i < colors && i < 256; ++i) {
    const auto entry = reader.take(entry_bytes);
    palette.set(static_cast<int>(i), entry[2], entry[1], entry[0]);
  }
}

uint8_t masked(uint32_t pixel, uint32_t mask) {
  const int shift = std::countr_zero(mask);
  return static_cast<uint8_t>(((pixel & mask) >> shift) * 255 / (mask >> shift));
}

void put(const std::array<uint8_t, 3>& color, uint8_t* out) { std::memcpy(out, color.data(), 3); }

void decode_row(const uint8_t* in, const BmpHeader& header, uint8_t* out) {
  const int bits = header.bits_per_pixel;
  for (int x = 0; x < header.width; ++x, out += 3) {
    if (bits <= 8) {
      const size_t bit = size_t(x) * bits;
      const int index = in[bit / 8] >> (8 - bits - bit % 8) & ((1 << bits) - 1);
      put(header.palette[static_cast<uint8_t>(index)], out);
    } else if (bits == 24) {
      put({in[3 * x + 2], in[3 * x + 1], in[3 * x]}, out);
    } else {
      uint32_t pixel = 0;
      std::memcpy(&pixel, in + size_t(x) * (bits / 8), bits / 8);
      put({masked(pixel, header.masks[0]), masked(pixel, header.masks[1]), masked(pixel, header.masks[2])},
          out);
    }
  }
}

/// Calls `row(picture row, pointer to its bytes)` for each row that is there in full.
template <class Row>
void for_each_row(std::span<const uint8_t> data, size_t row_bytes, size_t stride, const BmpHeader& header,
                  Row row) {
  for (int r = 0; r < header.height; ++r) {
    const size_t at = r * stride;
    if (at + row_bytes > data.size()) return;
    row(header.top_down ? r : header.height - 1 - r, data.data() + at);
  }
}

}  // namespace

BmpHeader read_bmp_header(std::span<const uint8_t> file) {
  ByteReader reader(file, "BMP");
  reader.skip(10);
  BmpHeader header;
  header.pixel_offset = reader.u32();
  const uint32_t header_bytes = reader.u32();
  const bool os2 = header_bytes == kOs2Header;
  require(os2 || (header_bytes >= kInfoHeader && header_bytes <= 124), ErrorCode::kImage,
          "the BMP header has ", header_bytes, " bytes; expected 12 or 40 to 124");

  const int64_t width = os2 ? reader.u16() : static_cast<int32_t>(reader.u32());
  const int64_t height = os2 ? reader.u16() : static_cast<int32_t>(reader.u32());
  header.top_down = height < 0;
  header.width = positive_side(width, "width");
  header.height = positive_side(height < 0 ? -height : height, "height");
  reader.skip(2);  // planes, always 1
  header.bits_per_pixel = reader.u16();
  const uint32_t compression = os2 ? kNone : reader.u32();
  check_combination(header.bits_per_pixel, compression);
  header.run_length = compression == kRle8 || compression == kRle4;

  uint32_t colors = 0;
  if (!os2) {
    reader.skip(12);  // size of the pixels, resolution
    colors = reader.u32();
    reader.skip(4);  // how many colours matter
  }
  header.masks = default_masks(header.bits_per_pixel);
  const bool masks_follow = compression == kBitFields;
  if (masks_follow) {
    std::array<uint32_t, 3> masks{};
    for (uint32_t& mask : masks) mask = reader.u32();
    if (masks != std::array<uint32_t, 3>{}) header.masks = masks;
    for (const uint32_t mask : header.masks) check_mask(mask);
  }
  if (header_bytes >= kHeaderWithMasks || !masks_follow) reader.seek(kFileHeaderBytes + header_bytes);
  if (header.bits_per_pixel <= 8) {
    if (colors == 0) colors = 1U << header.bits_per_pixel;
    read_palette(reader, colors, os2 ? 3 : 4, header.palette);
  }
  return header;
}

void decode_bmp(std::span<const uint8_t> file, const BmpHeader& header, uint8_t* out) {
  const size_t out_stride = size_t{3} * header.width;
  const bool indexed = header.bits_per_pixel <= 8;
  for (size_t i = 0; i < out_stride * header.height; i += 3)
    put(indexed ? header.palette[0] : kBlack, out + i);

  const auto data = file.subspan(std::min(header.pixel_offset, file.size()));
  if (header.run_length) {
    BmpHeader unpacked = header;
    unpacked.bits_per_pixel = 8;
    const std::vector<uint8_t> indices = unpack_bmp_runs(data, header);
    for_each_row(indices, header.width, header.width, header,
                 [&](int y, const uint8_t* row) { decode_row(row, unpacked, out + y * out_stride); });
    return;
  }
  const size_t row_bits = size_t(header.width) * header.bits_per_pixel;
  for_each_row(data, (row_bits + 7) / 8, (row_bits + 31) / 32 * 4, header,
               [&](int y, const uint8_t* row) { decode_row(row, header, out + y * out_stride); });
}

}  // namespace honeybee
