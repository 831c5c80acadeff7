#include <cmath>

#include "fixture.h"

namespace honeybee::testing {
namespace {

/// Pixels [height, width, 3] without gaps.
struct Picture {
  int width;
  int height;
  std::vector<uint8_t> bytes;

  uint8_t at(int x, int y, int c) const { return bytes[(static_cast<size_t>(y) * width + x) * 3 + c]; }
};

Picture blank(int width, int height) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(width) * height * 3)};
}

// Noise, or only black and white, whose overshoots must be clamped.
Picture noise(int width, int height, bool extreme, Random& random) {
  Picture picture = blank(width, height);
  for (uint8_t& value : picture.bytes) {
    value = static_cast<uint8_t>(extreme ? 255 * random.below(2) : random.below(256));
  }
  return picture;
}

Picture transposed(const Picture& from) {
  Picture to = blank(from.height, from.width);
  for (int y = 0; y < to.height; y++) {
    for (int x = 0; x < to.width; x++) {
      for (int c = 0; c < 3; c++)
        to.bytes[(static_cast<size_t>(y) * to.width + x) * 3 + c] = from.at(y, x, c);
    }
  }
  return to;
}

double cubic(double x) {
  const double u = std::fabs(x);
  if (u < 1) return (1.5 * u - 2.5) * u * u + 1;
  return u < 2 ? -0.5 * (((u - 5) * u + 8) * u - 4) : 0;
}

// The horizontal pass of Pillow's 8-bit bicubic resize, from its definition.
Picture resize_width(const Picture& from, int width) {
  if (width == from.width) return from;
  Picture to = blank(width, from.height);
  const double scale = static_cast<double>(from.width) / width;
  const double stretch = std::max(scale, 1.0);
  for (int x = 0; x < width; x++) {
    const double centre = (x + 0.5) * scale;
    const int low = std::max(0, static_cast<int>(centre - 2 * stretch + 0.5));
    const int high = std::min(from.width, static_cast<int>(centre + 2 * stretch + 0.5));
    std::vector<double> weights;
    double total = 0;
    for (int t = low; t < high; t++) {
      weights.push_back(cubic((t - centre + 0.5) * (1.0 / stretch)));
      total += weights.back();
    }
    for (int y = 0; y < from.height; y++) {
      for (int c = 0; c < 3; c++) {
        int64_t sum = 1 << 21;
        for (int t = low; t < high; t++) {
          const double scaled = weights[static_cast<size_t>(t - low)] / total * (1 << 22);
          sum += from.at(t, y, c) * static_cast<int64_t>(std::trunc(scaled + (scaled < 0 ? -0.5 : 0.5)));
        }
        to.bytes[(static_cast<size_t>(y) * width + x) * 3 + c] =
            static_cast<uint8_t>(std::clamp<int64_t>(sum >> 22, 0, 255));
      }
    }
  }
  return to;
}

std::vector<uint8_t> expected_bytes(const Picture& picture, const ResizePlan& plan) {
  const Picture wide = resize_width(picture, plan.resized_width);
  const Picture resized = transposed(resize_width(transposed(wide), plan.resized_height));
  const ImageWindow& window = plan.window;
  std::vector<uint8_t> bytes;
  for (int y = 0; y < window.height; y++) {
    for (int x = 0; x < 3 * window.width; x++) {
      bytes.push_back(resized.at(window.left + x / 3, window.top + y, x % 3));
    }
  }
  return bytes;
}

// Compares the middle row of a batch of three, and sees that the others stay as they are.
void expect_exact(Backend& backend, const ResizePlan& plan, int64_t gap, uint64_t seed) {
  Random random(seed);
  Fixture fixture(backend);
  const Picture picture = noise(plan.width, plan.height, seed % 2 == 1, random);
  const Tensor image = fixture.input_bytes(plan.height, int64_t{3} * plan.width, picture.bytes, gap);
  const Tensor batch = fixture.output(Dtype::kU8, 3, int64_t{3} * plan.window.width * plan.window.height);
  const size_t size = static_cast<size_t>(batch.cols);
  std::vector<uint8_t> expected(3 * size);
  backend.download(batch, expected.data());
  const std::vector<uint8_t> bytes = expected_bytes(picture, plan);
  std::copy(bytes.begin(), bytes.end(), expected.begin() + static_cast<ptrdiff_t>(size));

  backend.resize_bicubic(image, plan, batch.row_range(1, 1));
  std::vector<uint8_t> actual(3 * size);
  backend.download(batch, actual.data());
  for (size_t i = 0; i < actual.size(); i++) {
    if (actual[i] == expected[i]) continue;
    std::ostringstream message;
    message << plan.width << "×" << plan.height << " to " << plan.resized_width << "×" << plan.resized_height
            << ": byte " << static_cast<int64_t>(i) - static_cast<int64_t>(size) << " is " << int{actual[i]}
            << ", expected " << int{expected[i]};
    record_failure(__FILE__, __LINE__, message.str());
    break;
  }
}

}  // namespace

TEST_OP(resize_squash) {
  constexpr struct {
    int width, height, out_width, out_height;
  } kCases[] = {{1, 1, 1, 1},    {1, 1, 5, 5},    {1, 40, 6, 6},    {40, 1, 6, 6},    {1, 7, 1, 7},
                {2, 2, 17, 17},  {7, 5, 8, 8},    {31, 33, 16, 16}, {33, 31, 32, 32}, {16, 16, 16, 16},
                {16, 9, 16, 16}, {9, 16, 16, 16}, {130, 3, 11, 11}, {3, 130, 11, 11}, {64, 48, 45, 13},
                {45, 7, 1, 1},   {300, 2, 7, 1},  {20, 20, 45, 2}};
  uint64_t seed = 0;
  for (const auto& c : kCases) {
    expect_exact(backend, squash(c.width, c.height, c.out_width, c.out_height), seed % 3 * 5, seed);
    seed++;
  }
}

TEST_OP(resize_crop) {
  uint64_t seed = 100;
  for (const auto& [width, height] :
       {std::pair{50, 37}, {37, 50}, {16, 16}, {16, 90}, {5, 3}, {3, 5}, {1, 9}}) {
    expect_exact(backend, shortest_edge_crop(width, height, 16), 1, seed++);
  }
  expect_exact(backend, {40, 30, 40, 30, {7, 9, 13, 11}}, 2, seed++);
  expect_exact(backend, {40, 30, 20, 30, {19, 0, 1, 30}}, 0, seed++);
  expect_exact(backend, {40, 30, 40, 61, {0, 60, 40, 1}}, 0, seed++);
}

// More columns than a block has, more rows than the most blocks of a grid take at once.
TEST_OP(resize_large) {
  expect_exact(backend, squash(161, 122, 56, 56), 3, 200);
  expect_exact(backend, shortest_edge_crop(97, 64, 28), 0, 201);
  expect_exact(backend, squash(1, 131'100, 2, 4'000), 1, 202);
  expect_exact(backend, squash(1, 5, 1, 32'800), 0, 203);
}

TEST_OP(resize_random_sizes) {
  Random random(300);
  const auto side = [&](int most) { return 1 + static_cast<int>(random.below(most)); };
  for (uint64_t i = 0; i < 40; i++) {
    ResizePlan plan = squash(side(40), side(40), side(24), side(24));
    ImageWindow& window = plan.window;
    window.left = static_cast<int>(random.below(plan.resized_width));
    window.top = static_cast<int>(random.below(plan.resized_height));
    window.width = side(plan.resized_width - window.left);
    window.height = side(plan.resized_height - window.top);
    expect_exact(backend, plan, random.below(4), 400 + i);
  }
}

// Pictures come in any order: working memory that has grown must serve smaller ones, and the next operation.
TEST_OP(resize_one_after_another) {
  expect_exact(backend, squash(80, 90, 8, 8), 0, 500);
  expect_exact(backend, squash(3, 3, 8, 8), 0, 501);
  expect_exact(backend, squash(200, 2, 30, 30), 0, 502);
}

TEST_OP(resize_refuses) {
  Fixture f(backend);
  const Tensor image = f.output(Dtype::kU8, 4, 15);
  const Tensor rgb = f.output(Dtype::kU8, 1, 12);
  const ResizePlan plan = squash(5, 4, 2, 2);
  constexpr ErrorCode kOption = ErrorCode::kOption;
  EXPECT_ERROR(backend.resize_bicubic(f.output(Dtype::kU8, 4, 14), plan, rgb), kOption,
               "resize_bicubic: image");
  EXPECT_ERROR(backend.resize_bicubic(f.output(Dtype::kF32, 4, 15), plan, rgb), kOption, "image must be u8");
  EXPECT_ERROR(backend.resize_bicubic(image, plan, f.output(Dtype::kU8, 2, 12)), kOption,
               "resize_bicubic: rgb");
  EXPECT_ERROR(backend.resize_bicubic(image, plan, f.output(Dtype::kU8, 1, 11)), kOption, "expected [1, 12]");
  EXPECT_ERROR(backend.resize_bicubic(image, squash(5, 0, 2, 2), rgb), ErrorCode::kImage, "at least 1");
  EXPECT_ERROR(backend.resize_bicubic(image, {5, 4, 2, 2, {1, 0, 2, 2}}, rgb), ErrorCode::kImage, "window");
}

}  // namespace honeybee::testing
