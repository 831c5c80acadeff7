#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bench.h"
#include "model/clip.h"
#include "model/projectors/projector.h"

namespace honeybee::gpu {

/// The vision tower, and each abstractor beside it, over batches of images.
class VisionBench {
 public:
  /// Loads them; their weights stay on the device as long as this lives.
  explicit VisionBench(Bench& bench);
  /// A row for the tower and one for each abstractor.
  void run(int64_t images) const;

 private:
  struct Abstractor {
    std::string name;
    double aim;  ///< see Row::aim
    std::unique_ptr<Projector> projector;
  };

  double time_tower(int64_t images) const;
  double time_projector(const Abstractor& abstractor, int64_t images) const;
  Features encode(const Run& run, const Tensor& rgb) const;
  Tensor make_images(Arena& arena, int64_t images) const;
  double timed(const std::string& key, Arena& arena, const Tensor& rgb,
               const std::function<void()>& compute) const;

  Bench& bench_;
  WeightLoader loader_;
  ClipVision vision_;
  std::vector<Abstractor> abstractors_;
};

}  // namespace honeybee::gpu
