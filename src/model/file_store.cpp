#include "model/file_store.h"

#include <algorithm>
#include <cstring>

#include "model/quantized_source.h"

namespace honeybee {
namespace {

constexpr int64_t kLargestTensor = int64_t{1} << 40;  // bytes; keeps every product of sizes within 64 bits

// Sides of 1 carry no information: [C, C, 1, 1] is the matrix [C, C], [1, N, C] the table [N, C].
TensorShape squeezed(const TensorShape& shape) {
  TensorShape out;
  for (const int64_t side : shape) {
    if (side != 1) out.push_back(side);
  }
  return out;
}

int64_t elements(const TensorRef& tensor) {
  int64_t count = 1;
  for (const int64_t side : tensor.shape) {
    require(side > 0 && count <= kLargestTensor / side, ErrorCode::kCheckpoint, "tensor \"", tensor.name,
            "\" has the absurd shape ", shape_text(tensor.shape));
    count *= side;
  }
  return count;
}

/// A tensor as the matrix [first side, product of the others].
class Source final : public RowSource {
 public:
  Source(const WeightFile& file, const TensorRef& tensor, int64_t rows)
      : RowSource(rows, elements(tensor) / rows, tensor.dtype), file_(file), tensor_(tensor) {}

  void read(int64_t begin, int64_t count, void* target) const override {
    const auto size = static_cast<int64_t>(dtype_size(dtype()));
    if (tensor_.strides.empty()) {
      file_.read(tensor_.name, tensor_.offset + begin * cols() * size, count * cols() * size, target);
    } else {
      gather(begin, count, static_cast<char*>(target), size);
    }
  }

 private:
  // A transposed or otherwise strided tensor: its whole span is read and the elements picked one by one.
  void gather(int64_t begin, int64_t count, char* out, int64_t size) const {
    std::vector<char> span(static_cast<size_t>(tensor_.bytes));
    file_.read(tensor_.name, tensor_.offset, tensor_.bytes, span.data());
    for (int64_t i = begin * cols(); i < (begin + count) * cols(); i++, out += size) {
      int64_t rest = i;
      int64_t at = 0;
      for (size_t d = tensor_.shape.size(); d-- > 0; rest /= tensor_.shape[d]) {
        at += rest % tensor_.shape[d] * tensor_.strides[d];
      }
      std::memcpy(out, span.data() + at * size, static_cast<size_t>(size));
    }
  }

  const WeightFile& file_;
  const TensorRef& tensor_;
};

/// base + scale · B A, delivered in f32.
class LoraSource final : public RowSource {
 public:
  LoraSource(std::unique_ptr<RowSource> base, const RowSource& a, std::unique_ptr<RowSource> b, float scale)
      : RowSource(base->rows(), base->cols(), Dtype::kF32),
        base_(std::move(base)),
        b_(std::move(b)),
        scale_(scale) {
    a_ = floats(a, 0, a.rows());
  }

  void read(int64_t begin, int64_t count, void* target) const override {
    const std::vector<float> base = floats(*base_, begin, count);
    const std::vector<float> b = floats(*b_, begin, count);
    const int64_t rank = b_->cols();
    float* out = static_cast<float*>(target);
    std::vector<double> row(static_cast<size_t>(cols()));
    for (int64_t r = 0; r < count; r++) {
      std::fill(row.begin(), row.end(), 0.0);
      for (int64_t j = 0; j < rank; j++) {
        const double factor = static_cast<double>(scale_) * b[static_cast<size_t>(r * rank + j)];
        for (int64_t c = 0; c < cols(); c++)
          row[static_cast<size_t>(c)] += factor * a_[static_cast<size_t>(j * cols() + c)];
      }
      for (int64_t c = 0; c < cols(); c++) {
        const auto i = static_cast<size_t>(r * cols() + c);
        out[i] = static_cast<float>(base[i] + row[static_cast<size_t>(c)]);
      }
    }
  }

 private:
  static std::vector<float> floats(const RowSource& source, int64_t begin, int64_t count) {
    const auto values = static_cast<size_t>(count * source.cols());
    std::vector<char> raw(values * dtype_size(source.dtype()));
    source.read(begin, count, raw.data());
    std::vector<float> out(values);
    convert_to_float(source.dtype(), raw.data(), out.data(), values);
    return out;
  }

  std::unique_ptr<RowSource> base_;
  std::unique_ptr<RowSource> b_;
  std::vector<float> a_;
  float scale_;
};

}  // namespace

FileStore::FileStore(std::string folder, const std::vector<std::string>& files,
                     std::vector<TensorRef> tensors)
    : folder_(std::move(folder)) {
  for (const std::string& path : files) files_.emplace_back(path);
  for (TensorRef& tensor : tensors) {
    check_parts(tensor);
    std::string name = tensor.name;
    tensors_.emplace(std::move(name), std::move(tensor));
  }
}

void FileStore::check_parts(const TensorRef& tensor) const {
  if (tensor.quantized) {
    check(tensor.quantized->codes);
    check(tensor.quantized->scales);
    if (tensor.quantized->zeros) check(*tensor.quantized->zeros);
    if (tensor.quantized->groups) check(*tensor.quantized->groups);
  } else {
    check(tensor);
  }
  if (tensor.lora) {
    check(tensor.lora->a);
    check(tensor.lora->b);
  }
}

void FileStore::check(const TensorRef& tensor) const {
  require(tensor.file < files_.size(), ErrorCode::kCheckpoint, "tensor \"", tensor.name, "\" names file ",
          tensor.file, " of ", files_.size());
  const WeightFile& file = files_[tensor.file];
  const auto size = static_cast<int64_t>(dtype_size(tensor.dtype));
  const int64_t count = elements(tensor);
  int64_t span = count;
  if (!tensor.strides.empty()) {
    require(tensor.strides.size() == tensor.shape.size(), ErrorCode::kCheckpoint, file.path(), ": tensor \"",
            tensor.name, "\" has ", tensor.strides.size(), " strides for ", tensor.shape.size(), " sides");
    span = 1;
    for (size_t d = 0; d < tensor.shape.size(); d++) {
      require(tensor.strides[d] >= 0 && tensor.strides[d] <= kLargestTensor / tensor.shape[d],
              ErrorCode::kCheckpoint, file.path(), ": tensor \"", tensor.name, "\" has the absurd stride ",
              tensor.strides[d]);
      span += (tensor.shape[d] - 1) * tensor.strides[d];
    }
  }
  require(tensor.bytes == span * size && tensor.offset >= 0 && tensor.offset <= file.size() - tensor.bytes,
          ErrorCode::kCheckpoint, file.path(), ": tensor \"", tensor.name, "\" ", shape_text(tensor.shape),
          " at byte ", tensor.offset, " with ", tensor.bytes, " bytes does not fit the file of ", file.size(),
          " bytes");
}

bool FileStore::has_codes(Dtype format) const {
  using Layout = TensorRef::Quantized::Layout;
  return std::any_of(tensors_.begin(), tensors_.end(), [&](const auto& named) {
    const TensorRef& tensor = named.second;
    if (tensor.quantized == nullptr || tensor.quantized->layout == Layout::kBlocks) return false;
    const TensorRef& codes = tensor.quantized->codes;
    if (tensor.quantized->layout == Layout::kChannels) return codes.dtype == format;
    return format == Dtype::kInt4 && 8 * codes.bytes <= 4 * elements(tensor);
  });
}

std::unique_ptr<RowSource> FileStore::open(const std::string& name, const TensorShape& shape) {
  const auto found = tensors_.find(name);
  require(found != tensors_.end(), ErrorCode::kCheckpoint, folder_, ": the checkpoint lacks tensor \"", name,
          "\" ", shape_text(shape));
  const TensorRef& tensor = found->second;
  const WeightFile& file = files_[tensor.quantized ? tensor.quantized->codes.file : tensor.file];
  require(squeezed(tensor.shape) == squeezed(shape), ErrorCode::kCheckpoint, file.path(), ": tensor \"", name,
          "\" is ", shape_text(tensor.shape), ", expected ", shape_text(shape));
  const int64_t rows = shape.size() > 1 ? shape.front() : 1;
  std::unique_ptr<RowSource> base;
  if (tensor.quantized)
    base = open_quantized(files_, tensor);
  else
    base = std::make_unique<Source>(file, tensor, rows);
  if (!tensor.lora) return base;
  const TensorRef& a = tensor.lora->a;
  const TensorRef& b = tensor.lora->b;
  require(a.shape.size() == 2 && b.shape.size() == 2 && a.shape[0] == b.shape[1] &&
              a.shape[1] == base->cols() && b.shape[0] == base->rows(),
          ErrorCode::kCheckpoint, files_[a.file].path(), ": the LoRA factors ", shape_text(b.shape), " x ",
          shape_text(a.shape), " do not fit tensor \"", name, "\" ", shape_text(tensor.shape));
  return std::make_unique<LoraSource>(std::move(base), Source(files_[a.file], a, a.shape[0]),
                                      std::make_unique<Source>(files_[b.file], b, b.shape[0]),
                                      tensor.lora->scale);
}

}  // namespace honeybee
