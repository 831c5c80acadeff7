#include "vision_bench.h"

namespace honeybee::gpu {
namespace {

// At sixteen images: the share of the product rate that the tower should reach, and the shares of the tower's
// time that the abstractors may take.
constexpr int64_t kAimedImages = 16;
constexpr double kTowerAim = 0.60;
constexpr double kCAbstractorAim = -0.12;
constexpr double kDAbstractorAim = -0.20;

// Seeded noise: constant images would make all patches alike.
void upload_noise(Backend& backend, const Tensor& rgb) {
  std::vector<uint8_t> pixels(static_cast<size_t>(rgb.cols));
  uint32_t state = 1;
  for (int64_t i = 0; i < rgb.rows; i++) {
    for (uint8_t& pixel : pixels) {
      state = state * 1664525u + 1013904223u;
      pixel = static_cast<uint8_t>(state >> 24);
    }
    backend.upload(pixels.data(), rgb.row_range(i, 1));
  }
}

}  // namespace

VisionBench::VisionBench(Bench& bench)
    : bench_(bench),
      loader_(progress_loader(bench, "vision")),
      vision_(bench.workload.vision, loader_, bench.floats()) {
  const Workload& workload = bench.workload;
  const ProjectorInput input{workload.vision.hidden_size, workload.vision.grid()};
  abstractors_.push_back(
      {"c-abs", kCAbstractorAim, make_projector(workload.c_abs, input, loader_, bench.floats())});
  abstractors_.push_back(
      {"d-abs", kDAbstractorAim, make_projector(workload.d_abs, input, loader_, bench.floats())});
  bench.weight_bytes += loader_.packed_bytes();
}

void VisionBench::run(int64_t images) const {
  const std::string count = std::to_string(images) + (images == 1 ? " image" : " images");
  const auto row = [&](const std::string& key, const std::string& what) {
    Row made;
    made.key = key;
    made.count = made.amount = images;
    made.what = what + ", " + count;
    made.unit = "images";
    return made;
  };
  double tower_seconds = 0.0;
  bench_.measure(row("vit", "ViT-L/14"), [&](Row& tower) {
    tower.seconds = tower_seconds = time_tower(images);
    tower.work = vision_work(bench_.workload.vision, images, bench_.floats());
    const Ceiling roof = ceiling(tower.work, bench_.rates);
    tower.share = roof.seconds / tower.seconds;
    tower.of = roof.rate;
    if (images == kAimedImages) tower.aim = kTowerAim;
  });
  for (const Abstractor& abstractor : abstractors_) {
    bench_.measure(row(abstractor.name, abstractor.name), [&](Row& beside) {
      beside.seconds = time_projector(abstractor, images);
      if (tower_seconds == 0.0) return;
      beside.share = beside.seconds / tower_seconds;
      beside.of = "ViT";
      if (images == kAimedImages) beside.aim = abstractor.aim;
    });
  }
}

double VisionBench::time_tower(int64_t images) const {
  Arena arena(bench_.backend);
  const Run run{bench_.backend, arena};
  const Tensor rgb = make_images(arena, images);
  return timed("vit x " + std::to_string(images), arena, rgb, [&] { encode(run, rgb); });
}

double VisionBench::time_projector(const Abstractor& abstractor, int64_t images) const {
  Arena arena(bench_.backend);
  const Run run{bench_.backend, arena};
  const Tensor rgb = make_images(arena, images);
  const Features features = encode(run, rgb);
  return timed(abstractor.name + " x " + std::to_string(images), arena, rgb,
               [&] { abstractor.projector->project(run, features); });
}

Features VisionBench::encode(const Run& run, const Tensor& rgb) const {
  return vision_.encode(run, rgb, bench_.workload.c_abs.feature_layers);
}

Tensor VisionBench::make_images(Arena& arena, int64_t images) const {
  const int64_t side = bench_.workload.vision.image_size;
  const Tensor rgb = arena.matrix(images, side * side * 3, Dtype::kU8);
  upload_noise(bench_.backend, rgb);
  return rgb;
}

double VisionBench::timed(const std::string& key, Arena& arena, const Tensor& rgb,
                          const std::function<void()>& compute) const {
  const Tensor pixel = rgb.row_range(0, 1).col_range(0, 1);
  uint8_t host = 0;
  return bench_.median_seconds(
      [&] {
        bench_.backend.repeat(key, [&] {
          const Arena::Scope scope(arena);
          compute();
        });
      },
      [&] { bench_.backend.download(pixel, &host); });  // awaits all that was started before it
}

}  // namespace honeybee::gpu
