#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"

namespace honeybee {

using TensorShape = std::vector<int64_t>;

/// "[4096, 1024]".
std::string shape_text(const TensorShape& shape);

/// Where the tensors of a model come from: files, or seeded random numbers.
class TensorStore {
 public:
  virtual ~TensorStore() = default;
  /// The named tensor as a matrix: rows = the first side (or 1 for a vector), columns = the product of the
  /// others. Error(kCheckpoint) names the tensor and the file when it is missing or of another shape.
  virtual std::unique_ptr<RowSource> open(const std::string& name, const TensorShape& shape) = 0;
  /// Whether some matrix is stored as codes of this format.
  virtual bool has_codes(Dtype /*format*/) const { return false; }
};

/// A parameter that is added, multiplied or looked up element by element: f32 in the backend's memory.
struct Parameter {
  std::unique_ptr<Memory> memory;
  Tensor tensor;
};

/// Hands the network its weights by canonical name, in whatever layout the backend likes. Without a backend
/// it only lists what would be loaded, which is how `inspect` knows every tensor of a model and its size.
class WeightLoader {
 public:
  struct Request {
    std::string name;
    TensorShape shape;
    Dtype dtype;
  };
  /// Called after each tensor with the bytes read so far.
  using Progress = std::function<void(size_t bytes)>;

  WeightLoader(Backend* backend, TensorStore* store, Progress progress = {});

  /// A matrix for `linear`; several names are stacked along the outputs, sizes being their row counts.
  std::unique_ptr<Weight> matrix(const std::string& name, int64_t out, int64_t in, Dtype dtype);
  std::unique_ptr<Weight> matrix(std::initializer_list<std::pair<std::string, int64_t>> parts, int64_t in,
                                 Dtype dtype);
  /// A 1×1 or patch convolution [out, in, …]: the same product with another stored shape.
  std::unique_ptr<Weight> convolution(const std::string& name, const TensorShape& shape, Dtype dtype);
  /// A table for `embed`.
  std::unique_ptr<Weight> table(const std::string& name, int64_t rows, int64_t cols, Dtype dtype);
  /// A vector or table in f32: viewed as [product of all sides but the last, last side].
  Parameter parameter(const std::string& name, const TensorShape& shape);
  /// A depthwise 3×3 filter, stored [channels, 1, 3, 3], as [9, channels].
  Parameter depthwise3x3(const std::string& name, int64_t channels);
  /// Several vectors one after another as [1, Σ sizes].
  Parameter stacked(std::initializer_list<std::pair<std::string, int64_t>> parts);

  /// Bytes that the loaded weights occupy.
  size_t packed_bytes() const { return packed_bytes_; }
  const std::vector<Request>& requests() const { return requests_; }

 private:
  std::unique_ptr<RowSource> open(const std::string& name, const TensorShape& shape, Dtype dtype);
  std::vector<float> floats(const std::string& name, const TensorShape& shape);
  Parameter upload(const std::vector<float>& values, int64_t cols);
  std::unique_ptr<Weight> load(const RowSource& source, const std::string& name, Dtype dtype);
  std::unique_ptr<Weight> loaded(const RowSource& source, std::unique_ptr<Weight> weight);
  void account(const RowSource& source, size_t packed);

  Backend* backend_;
  TensorStore* store_;
  Progress progress_;
  size_t bytes_ = 0;
  size_t packed_bytes_ = 0;
  std::vector<Request> requests_;
};

/// A linear layer with its optional bias.
struct Linear {
  std::unique_ptr<Weight> weight;
  Parameter bias;

  const Tensor* bias_or_null() const { return bias.tensor.data != nullptr ? &bias.tensor : nullptr; }
};

/// `<name>.weight` and `<name>.bias`.
Linear load_linear(WeightLoader& loader, const std::string& name, int64_t out, int64_t in, Dtype dtype);

/// Scale and shift of a LayerNorm: `<name>.weight` and `<name>.bias`.
struct Norm {
  Parameter weight;
  Parameter bias;
};
Norm load_norm(WeightLoader& loader, const std::string& name, int64_t size);

}  // namespace honeybee
