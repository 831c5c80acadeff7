#pragma once
#include <array>
#include <cstdint>

namespace honeybee {

/// 256 RGB colours: the grey of its index for each, until a file brings a palette; what that one leaves out
/// is black.
class Palette {
 public:
  Palette() {
    for (int i = 0; i < 256; ++i) colors_[i].fill(static_cast<uint8_t>(i));
  }
  void clear() { colors_ = {}; }
  void set(int index, uint8_t red, uint8_t green, uint8_t blue) { colors_[index] = {red, green, blue}; }
  const std::array<uint8_t, 3>& operator[](uint8_t index) const { return colors_[index]; }

 private:
  std::array<std::array<uint8_t, 3>, 256> colors_;
};

}  // namespace honeybee
