#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/weight_file.h"
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

  /// Stored as codes in parts of their own; dtype, file and range of this tensor itself mean nothing then.
  struct Quantized;
  std::shared_ptr<Quantized> quantized;
};

struct TensorRef::Lora {
  TensorRef a;  ///< [rank, in]
  TensorRef b;  ///< [out, rank]
  float scale = 1.0f;
};

/// W[n, k] = scale · (code - zero), in the layouts of quantized_source.h.
struct TensorRef::Quantized {
  enum class Layout { kChannels, kBlocks, kGptq, kAwq, kAwqRows };
  /// What the zero point is to the stored field of GPTQ: the same; the field + 1 within its bits; the field
  /// of the word to which 1 was added in every field, carries included.
  enum class ZeroField { kPlain, kPlusOne, kWordPlusOnes };

  Layout layout = Layout::kChannels;
  ZeroField zero_field = ZeroField::kPlain;
  int64_t group = 0;  ///< columns of one scale, of the layouts with groups
  TensorRef codes;
  TensorRef scales;
  std::shared_ptr<TensorRef> zeros;   ///< of the layouts with groups
  std::shared_ptr<TensorRef> groups;  ///< of GPTQ: the group of each column; null: in order
};

/// Tensors in files.
class FileStore final : public TensorStore {
 public:
  /// Opens the files; Error(kCheckpoint) names one that cannot be, or a tensor that reaches beyond its end.
  FileStore(std::string folder, const std::vector<std::string>& files, std::vector<TensorRef> tensors);

  std::unique_ptr<RowSource> open(const std::string& name, const TensorShape& shape) override;
  bool has_codes(Dtype format) const override;

 private:
  void check(const TensorRef& tensor) const;
  void check_parts(const TensorRef& tensor) const;

  std::string folder_;
  std::vector<WeightFile> files_;
  std::map<std::string, TensorRef> tensors_;
};

}  // namespace honeybee
