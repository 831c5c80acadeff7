#include "cpu/embed.h"

#include <algorithm>

#include "cpu/convert.h"
#include "cpu/matrix.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"

namespace honeybee::cpu {

RowTable::RowTable(Cpu& cpu, const RowSource& source, Dtype dtype)
    : Weight(source.rows(), source.cols(), dtype), memory_(static_cast<size_t>(source.rows() * row_bytes())) {
  // Rows that make about a mebibyte of source are read at once.
  const int64_t source_row = in() * static_cast<int64_t>(dtype_size(source.dtype()));
  const int64_t rows = std::clamp<int64_t>((int64_t{1} << 20) / source_row, 1, out());
  const int64_t slice_bytes = (rows * source_row + 63) / 64 * 64;
  char* const target = static_cast<char*>(memory_.data());
  const bool converts = source.dtype() != dtype;
  const HostMemory slices(converts ? static_cast<size_t>(cpu.pool.threads() * slice_bytes) : 0);
  cpu.pool.run((out() + rows - 1) / rows, [&](int64_t task, int worker) {
    const int64_t begin = task * rows;
    const int64_t count = std::min(rows, out() - begin);
    char* const place = target + begin * row_bytes();
    if (!converts) return source.read(begin, count, place);
    char* const slice = static_cast<char*>(slices.data()) + worker * slice_bytes;
    source.read(begin, count, slice);
    convert(cpu.isa, source.dtype(), slice, dtype, place, count * in());
  });
}

std::unique_ptr<Weight> load_table(Cpu& cpu, const RowSource& source, Dtype dtype) {
  return std::make_unique<RowTable>(cpu, source, dtype);
}

void embed(Cpu& cpu, const Weight& table, const Tensor& ids, const Tensor& y) {
  require_f32("embed", {&y});
  const auto* const rows = dynamic_cast<const RowTable*>(&table);
  const auto* const matrix = dynamic_cast<const Matrix*>(&table);
  require(rows != nullptr || matrix != nullptr, ErrorCode::kOption,
          "embed: the table belongs to another backend, expected one that this backend loaded");
  for_each_row(cpu, y.rows, y.cols, [&](int64_t r) {
    const int64_t id = *ids.row<int32_t>(r);
    if (id < 0 || id >= table.out()) {
      std::fill_n(y.row<float>(r), y.cols, 0.0f);
    } else if (rows != nullptr) {
      convert(cpu.isa, table.dtype(), rows->row(id), Dtype::kF32, y.row<float>(r), y.cols);
    } else {
      matrix->read_row(id, y.row<float>(r));
    }
  });
}

}  // namespace honeybee::cpu
