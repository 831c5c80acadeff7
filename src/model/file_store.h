#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/weights.h"

namespace honeybee {

/// Where one tensor lies; parsed and validated outside, checked against the file again here.
struct TensorRef {
  std::string name;
  Dtype dtype = Dtype::kF32;
  TensorShape shape;
  size_t file = 0;
  int64_t offset = 0;   ///< of the first element
  int64_t bytes = 0;    ///< from there to behind the last element
  TensorShape strides;  ///< in elements; empty when contiguous

  /// W + scale · B A (Hu et al. 2021).
  struct Lora;
  std::shared_ptr<Lora> lora;
};

struct TensorRef::Lora {
  TensorRef a;  ///< [rank, in]
  TensorRef b;  ///< [out, rank]
  float scale = 1.0f;
};

/// Tensors in files, read with pread: a file that shrinks under us is an error, never a signal.
class FileStore final : public TensorStore {
 public:
  /// Opens the files; Error(kCheckpoint) names one that cannot be, or a tensor that reaches beyond its end.
  FileStore(std::string folder, std::vector<std::string> files, std::vector<TensorRef> tensors);
  ~FileStore() override;

  std::unique_ptr<RowSource> open(const std::string& name, const TensorShape& shape) override;

 private:
  struct File {
    std::string path;
    int descriptor = -1;
    int64_t size = 0;
  };
  class Source;
  class LoraSource;

  void check(const TensorRef& tensor) const;

  std::string folder_;
  std::vector<File> files_;
  std::map<std::string, TensorRef> tensors_;
};

}  // namespace honeybee
