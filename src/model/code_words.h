#pragma once
#include <cstdint>
#include <vector>

#include "core/row_source.h"
#include "model/file_store.h"

namespace honeybee {

/// The words of a GPTQ or AWQ matrix [out, in], and its scales and zeros by group.
struct CodeWords {
  TensorRef::Quantized::Layout layout_kind = TensorRef::Quantized::Layout::kGptq;
  int64_t out = 0;
  int64_t in = 0;
  int bits = 4;
  int64_t group = 0;  ///< columns of one scale, as far as they are in order
  int64_t groups = 0;
  std::vector<uint32_t> words;
  std::vector<float> scales;      ///< [groups, out]
  std::vector<uint8_t> zeros;     ///< [groups, out]
  std::vector<int32_t> group_of;  ///< [in]

  float scale(int64_t group, int64_t n) const { return scales[static_cast<size_t>(group * out + n)]; }
  uint8_t zero(int64_t group, int64_t n) const { return zeros[static_cast<size_t>(group * out + n)]; }

  /// Codes of outputs [begin, begin + count), one a byte, in order of the columns. target [count, in].
  void unpack(int64_t begin, int64_t count, uint8_t* target) const;

  /// As int4 in groups of whole units, if it can be that: at most 4 bits, every group of the same number of
  /// columns, scales that a half holds. Else group is 0.
  CodeLayout layout() const;
};

/// Reads and checks all parts. scales as stored. Throws Error(kCheckpoint).
CodeWords read_code_words(const std::vector<WeightFile>& files, const TensorRef& tensor,
                          std::vector<float> scales);

}  // namespace honeybee
