#include "model/weights.h"

#include <algorithm>
#include <numeric>

#include "core/quantize.h"

namespace honeybee {
namespace {

int64_t product(const TensorShape& shape, size_t from, size_t to) {
  return std::accumulate(shape.begin() + static_cast<ptrdiff_t>(from),
                         shape.begin() + static_cast<ptrdiff_t>(to), int64_t{1}, std::multiplies<>());
}

/// Rows of several sources of one width, one after another. Mixed dtypes are delivered as f32.
class StackedSource final : public RowSource {
 public:
  explicit StackedSource(std::vector<std::unique_ptr<RowSource>> parts)
      : RowSource(total_rows(parts), parts.front()->cols(), common_dtype(parts)), parts_(std::move(parts)) {}

  void read(int64_t begin, int64_t count, void* target) const override {
    char* out = static_cast<char*>(target);
    for_each_part(begin, count, [&](const RowSource& part, int64_t from, int64_t rows) {
      const auto values = static_cast<size_t>(rows * cols());
      if (part.dtype() == dtype()) {
        part.read(from, rows, out);
      } else {
        std::vector<char> raw(values * dtype_size(part.dtype()));
        part.read(from, rows, raw.data());
        convert_to_float(part.dtype(), raw.data(), reinterpret_cast<float*>(out), values);
      }
      out += values * dtype_size(dtype());
    });
  }

  /// Where all parts have the same.
  const CodeLayout* codes() const override {
    const CodeLayout* const layout = parts_.front()->codes();
    for (const auto& part : parts_) {
      if (layout == nullptr || part->codes() == nullptr || *part->codes() != *layout) return nullptr;
    }
    return layout;
  }

  void read_codes(int64_t begin, int64_t count, const CodeRows& target) const override {
    const int64_t groups = count_groups(cols(), codes()->group);
    int64_t done = 0;
    for_each_part(begin, count, [&](const RowSource& part, int64_t from, int64_t rows) {
      part.read_codes(from, rows,
                      {.codes = target.codes + done * cols(),
                       .scales = target.scales + done * groups,
                       .zeros = target.zeros != nullptr ? target.zeros + done * groups : nullptr});
      done += rows;
    });
  }

 private:
  // Calls fn(part, its first row, rows) for the parts that rows [begin, begin + count) come from.
  template <class Fn>
  void for_each_part(int64_t begin, int64_t count, Fn fn) const {
    int64_t first = 0;
    for (const auto& part : parts_) {
      const int64_t from = std::max(begin, first);
      const int64_t to = std::min(begin + count, first + part->rows());
      if (from < to) fn(*part, from - first, to - from);
      first += part->rows();
    }
  }

  static int64_t total_rows(const std::vector<std::unique_ptr<RowSource>>& parts) {
    int64_t rows = 0;
    for (const auto& part : parts) rows += part->rows();
    return rows;
  }
  static Dtype common_dtype(const std::vector<std::unique_ptr<RowSource>>& parts) {
    for (const auto& part : parts) {
      if (part->dtype() != parts.front()->dtype()) return Dtype::kF32;
    }
    return parts.front()->dtype();
  }

  std::vector<std::unique_ptr<RowSource>> parts_;
};

}  // namespace

std::string shape_text(const TensorShape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

WeightLoader::WeightLoader(Backend* backend, TensorStore* store, Progress progress)
    : backend_(backend), store_(store), progress_(std::move(progress)) {}

std::unique_ptr<RowSource> WeightLoader::open(const std::string& name, const TensorShape& shape,
                                              Dtype dtype) {
  requests_.push_back({name, shape, dtype});
  return backend_ != nullptr ? store_->open(name, shape) : nullptr;
}

void WeightLoader::account(const RowSource& source, size_t packed) {
  bytes_ += static_cast<size_t>(source.rows() * source.cols()) * dtype_size(source.dtype());
  packed_bytes_ += packed;
  if (progress_) progress_(bytes_);
}

std::unique_ptr<Weight> WeightLoader::loaded(const RowSource& source, std::unique_ptr<Weight> weight) {
  account(source, weight->bytes());
  return weight;
}

std::unique_ptr<Weight> WeightLoader::load(const RowSource& source, const std::string& name, Dtype dtype) {
  if (!is_quantized(dtype)) return loaded(source, backend_->load_matrix(source, dtype));
  // Where codes of this format are stored, a matrix without them is one that their maker left out, or one
  // whose codes have no common layout: it is not to be quantized once more. Nor is one whose int4 no file
  // could hold, so that a model is the same whether it was written or not. Halves hold them all.
  const bool is_coded = source.codes() != nullptr && source.codes()->format == dtype;
  const bool fits = dtype != Dtype::kInt4 || source.cols() % kInt4Word == 0;
  const Dtype kept = is_coded || (fits && !store_->has_codes(dtype)) ? dtype : Dtype::kF16;
  try {
    return loaded(source, backend_->load_matrix(source, kept));
  } catch (const Error& error) {
    // A value that cannot become a code is found where nothing has a name.
    if (error.code() != ErrorCode::kCheckpoint) throw;
    fail(error.code(), "weight \"", name, "\": ", error.what());
  }
}

std::unique_ptr<Weight> WeightLoader::matrix(const std::string& name, int64_t out, int64_t in, Dtype dtype) {
  return convolution(name, {out, in}, dtype);
}

std::unique_ptr<Weight> WeightLoader::matrix(std::initializer_list<std::pair<std::string, int64_t>> parts,
                                             int64_t in, Dtype dtype) {
  std::vector<std::unique_ptr<RowSource>> sources;
  for (const auto& [name, out] : parts) sources.push_back(open(name, {out, in}, dtype));
  if (backend_ == nullptr) return nullptr;
  return load(StackedSource(std::move(sources)), parts.begin()->first, dtype);
}

std::unique_ptr<Weight> WeightLoader::convolution(const std::string& name, const TensorShape& shape,
                                                  Dtype dtype) {
  const auto source = open(name, shape, dtype);
  if (!source) return nullptr;
  return load(*source, name, dtype);
}

std::unique_ptr<Weight> WeightLoader::table(const std::string& name, int64_t rows, int64_t cols,
                                            Dtype dtype) {
  const auto source = open(name, {rows, cols}, dtype);
  if (!source) return nullptr;
  return loaded(*source, backend_->load_table(*source, dtype));
}

std::vector<float> WeightLoader::floats(const std::string& name, const TensorShape& shape) {
  const auto source = open(name, shape, Dtype::kF32);
  if (!source) return {};
  const auto count = static_cast<size_t>(product(shape, 0, shape.size()));
  std::vector<char> raw(count * dtype_size(source->dtype()));
  source->read(0, source->rows(), raw.data());
  std::vector<float> values(count);
  convert_to_float(source->dtype(), raw.data(), values.data(), count);
  account(*source, values.size() * sizeof(float));
  return values;
}

Parameter WeightLoader::upload(const std::vector<float>& values, int64_t cols) {
  if (backend_ == nullptr) return {};
  Parameter parameter;
  parameter.memory = backend_->allocate(values.size() * sizeof(float));
  parameter.tensor = {parameter.memory->data(), Dtype::kF32, static_cast<int64_t>(values.size()) / cols, cols,
                      cols};
  backend_->upload(values.data(), parameter.tensor);
  return parameter;
}

Parameter WeightLoader::parameter(const std::string& name, const TensorShape& shape) {
  return upload(floats(name, shape), shape.back());
}

Parameter WeightLoader::depthwise3x3(const std::string& name, int64_t channels) {
  const std::vector<float> stored = floats(name, {channels, 1, 3, 3});
  std::vector<float> taps(stored.size());
  for (size_t i = 0; i < stored.size(); i++) taps[i % 9 * static_cast<size_t>(channels) + i / 9] = stored[i];
  return upload(taps, channels);
}

Parameter WeightLoader::stacked(std::initializer_list<std::pair<std::string, int64_t>> parts) {
  std::vector<float> values;
  for (const auto& [name, size] : parts) {
    const std::vector<float> part = floats(name, {size});
    values.insert(values.end(), part.begin(), part.end());
  }
  return upload(values, std::max<int64_t>(1, static_cast<int64_t>(values.size())));
}

Linear load_linear(WeightLoader& loader, const std::string& name, int64_t out, int64_t in, Dtype dtype) {
  return {loader.matrix(name + ".weight", out, in, dtype), loader.parameter(name + ".bias", {out})};
}

Norm load_norm(WeightLoader& loader, const std::string& name, int64_t size) {
  return {loader.parameter(name + ".weight", {size}), loader.parameter(name + ".bias", {size})};
}

}  // namespace honeybee
