#include <vector>

#include "cpu/deformable_kernels.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet deformable_variants("deformable_sample", "f32");

}  // namespace

void deformable_sample(Cpu& cpu, const Tensor& value, const Tensor& offsets, const Tensor& logits,
                       const Tensor& reference, const DeformableShape& shape, const Tensor& y) {
  const auto kernel = deformable_kernels(cpu.isa).sample;
  deformable_variants.ran(cpu.isa);
  std::vector<SampleMap> maps;
  int64_t cells = 0;
  for (const Grid& level : shape.levels) {
    maps.push_back({level.height, level.width, cells});
    cells += level.cells();
  }
  const int64_t queries = y.rows / shape.batch;
  for_each_row(cpu, y.rows, 4 * shape.points * y.cols, [&](int64_t r) {
    const DeformableQuery query{.value = value.row<float>(r / queries * cells),
                                .stride = value.stride,
                                .heads = shape.heads,
                                .dim = y.cols / shape.heads,
                                .maps = maps.data(),
                                .levels = static_cast<int64_t>(maps.size()),
                                .points = shape.points,
                                .offsets = offsets.row<float>(r),
                                .logits = logits.row<float>(r),
                                .reference = reference.row<float>(r % queries)};
    kernel(query, y.row<float>(r));
  });
}

}  // namespace honeybee::cpu
