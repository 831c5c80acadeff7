#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "image/bmp.h"

namespace honeybee {

/// Unpacks the RLE4 or RLE8 stream of a BMP to one palette index per pixel [height, width], in the file's row
/// order. A stream that is cut off or broken leaves the rest 0.
std::vector<uint8_t> unpack_bmp_runs(std::span<const uint8_t> stream, const BmpHeader& header);

}  // namespace honeybee
