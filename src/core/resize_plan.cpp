#include "core/resize_plan.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/error.h"

namespace honeybee {

ResizePlan squash(int width, int height, int out_width, int out_height) {
  return {width, height, out_width, out_height, {0, 0, out_width, out_height}};
}

ResizePlan shortest_edge_crop(int width, int height, int size) {
  require(width > 0 && height > 0 && size > 0, ErrorCode::kImage, "image resize: cannot fit ", width, "×",
          height, " pixels to a shortest edge of ", size);
  const int64_t longer = int64_t{size} * std::max(width, height) / std::min(width, height);
  require(longer <= std::numeric_limits<int>::max(), ErrorCode::kImage, "image resize: ", width, "×", height,
          " pixels with a shortest edge of ", size, " would be ", longer,
          " pixels long; crop the picture first");
  const int side = static_cast<int>(longer);
  const int resized_width = width <= height ? size : side;
  const int resized_height = width <= height ? side : size;
  const ImageWindow centre = {(resized_width - size) / 2, (resized_height - size) / 2, size, size};
  return {width, height, resized_width, resized_height, centre};
}

void check_plan(const ResizePlan& plan) {
  const ImageWindow& window = plan.window;
  require(plan.width > 0 && plan.height > 0, ErrorCode::kImage, "image resize: the picture has ", plan.width,
          "×", plan.height, " pixels; both sides must be at least 1");
  const bool inside = window.left >= 0 && window.top >= 0 && window.width > 0 && window.height > 0 &&
                      window.width <= plan.resized_width - window.left &&
                      window.height <= plan.resized_height - window.top;
  require(inside, ErrorCode::kImage, "image resize: the window ", window.width, "×", window.height, " at (",
          window.left, ", ", window.top, ") does not lie inside the resized ", plan.resized_width, "×",
          plan.resized_height, " pixels");
}

}  // namespace honeybee
