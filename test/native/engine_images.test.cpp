// Pictures that the engine's device resizes.
#include <latch>
#include <optional>

#include "engine_fixture.h"
#include "fixture.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

constexpr int kSide = static_cast<int>(kImageSide);

struct Picture {
  int width;
  int height;
  std::vector<uint8_t> rgb;
};

Picture noise(int width, int height, Random& random) {
  Picture picture{width, height, std::vector<uint8_t>(static_cast<size_t>(width) * height * 3)};
  for (uint8_t& value : picture.rgb) value = static_cast<uint8_t>(random.below(256));
  return picture;
}

// Wide, high, tiny, as it should be; in both of the ways that processors resize.
std::vector<std::pair<Picture, ResizePlan>> pictures() {
  Random random(11);
  std::vector<std::pair<Picture, ResizePlan>> list;
  for (const auto& [width, height] : {std::pair{97, 41}, {33, 200}, {1, 3}, {kSide, kSide}}) {
    list.emplace_back(noise(width, height, random), squash(width, height, kSide, kSide));
    list.emplace_back(noise(width, height, random), shortest_edge_crop(width, height, kSide));
  }
  return list;
}

// By the operation, which ops_resize.test.cpp compares with doubles.
std::vector<uint8_t> resized(Picture& picture, const ResizePlan& plan) {
  const std::unique_ptr<Backend> cpu = make_cpu_backend({1});
  std::vector<uint8_t> rgb(size_t{3} * kSide * kSide);
  const auto row_bytes = static_cast<int64_t>(picture.width) * 3;
  cpu->resize_bicubic({picture.rgb.data(), Dtype::kU8, picture.height, row_bytes, row_bytes}, plan,
                      {rgb.data(), Dtype::kU8, 1, std::ssize(rgb), std::ssize(rgb)});
  return rgb;
}

ImageInput input_of(const std::vector<uint8_t>& rgb, std::optional<ResizePlan> resize) {
  ImageInput input;
  input.rgb = rgb;
  input.resize = resize;
  return input;
}

Request encode_request(uint64_t id, const std::vector<uint8_t>& rgb, std::optional<ResizePlan> resize) {
  Request request;
  request.id = id;
  request.images.push_back(input_of(rgb, resize));
  return request;
}

void expect_same_visual_tokens(const Device& device) {
  EngineOptions options = tiny_options();
  options.max_sequences = 32;
  options.image_cache = 0;
  options.backend = [&device] { return device.make(2); };
  // All are there when the first step begins, so that several are encoded at once.
  std::latch gate(1);
  options.store = [&gate] {
    gate.wait();
    return std::make_unique<RandomStore>(1);
  };
  const auto sink = std::make_shared<Recorder>();
  Engine engine(std::move(options), sink);
  auto all = pictures();
  uint64_t id = 0;
  for (auto& [picture, plan] : all) {
    engine.submit(encode_request(id++, picture.rgb, plan), sink);
    engine.submit(encode_request(id++, resized(picture, plan), std::nullopt), sink);
  }
  gate.count_down();
  EXPECT_TRUE(sink->wait_ends(id));
  for (uint64_t i = 0; i < id; i += 2) {
    EXPECT_EQ(sink->end(i).message, std::string());
    EXPECT_TRUE(!sink->end(i).visual_tokens.empty());
    EXPECT_TRUE(sink->end(i).visual_tokens == sink->end(i + 1).visual_tokens);
  }
}

}  // namespace

TEST(engine_resizes_pictures) {
  for (const Device& device : devices()) {
    if (device.name == "cpu/portable" || device.name == "simt") expect_same_visual_tokens(device);
  }
}

TEST(engine_knows_pictures_by_their_resize) {
  Random random(12);
  const Picture picture = noise(40, 40, random);
  const HashKey key{1, 2};
  const ImageInput squashed = input_of(picture.rgb, squash(40, 40, kSide, kSide));
  const ImageInput same = input_of(picture.rgb, squash(40, 40, kSide, kSide));
  const ImageInput narrow = input_of(picture.rgb, squash(20, 80, kSide, kSide));
  EXPECT_TRUE(image_content(squashed, key) == image_content(same, key));
  EXPECT_TRUE(image_content(squashed, key) != image_content(narrow, key));
  EXPECT_TRUE(image_content(squashed, key) != image_content(input_of(picture.rgb, std::nullopt), key));
}

TEST(engine_refuses_pictures_that_do_not_fit) {
  Random random(13);
  const Picture picture = noise(20, 10, random);
  const auto sink = std::make_shared<Recorder>();
  Engine engine(tiny_options(), sink);
  engine.submit(encode_request(0, picture.rgb, squash(21, 10, kSide, kSide)), sink);
  engine.submit(encode_request(1, picture.rgb, squash(20, 10, kSide + 1, kSide)), sink);
  engine.submit(encode_request(2, picture.rgb, ResizePlan{}), sink);
  engine.submit(encode_request(3, picture.rgb, squash(20, 10, kSide, kSide)), sink);
  EXPECT_TRUE(sink->wait_ends(4));
  for (uint64_t id = 0; id < 3; id++) {
    EXPECT_TRUE(sink->end(id).reason == Event::Reason::kError);
    EXPECT_EQ(std::string(error_code_name(sink->end(id).code)), std::string("ERR_IMAGE"));
  }
  EXPECT_TRUE(sink->end(3).reason == Event::Reason::kStop);
}

}  // namespace honeybee::testing
