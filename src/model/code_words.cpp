#include "model/code_words.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/quantize.h"

namespace honeybee {
namespace {

using Quantized = TensorRef::Quantized;
using Layout = Quantized::Layout;
using ZeroField = Quantized::ZeroField;

// Where output j of eight lies in a word of AWQ.
constexpr int kAwqPlaces[] = {0, 4, 1, 5, 2, 6, 3, 7};

int64_t ceil_div(int64_t value, int64_t unit) { return (value + unit - 1) / unit; }

// Field i of a string of bits whose words lie `stride` apart, lowest bits first. Fields of 3 bits straddle.
uint32_t bit_field(const uint32_t* words, int64_t stride, int bits, int64_t i) {
  const int64_t place = i * bits;
  const uint32_t* const word = words + place / 32 * stride;
  const auto shift = static_cast<uint32_t>(place % 32);
  uint32_t value = *word >> shift;
  if (shift + static_cast<uint32_t>(bits) > 32) value |= word[stride] << (32 - shift);
  return value & ((1u << bits) - 1u);
}

void require_shape(const WeightFile& file, const TensorRef& tensor, const TensorShape& shape) {
  require(tensor.shape == shape, ErrorCode::kCheckpoint, file.path(), ": tensor \"", tensor.name, "\" is ",
          shape_text(tensor.shape), ", expected ", shape_text(shape));
}

template <class T>
std::vector<T> read_words(const std::vector<WeightFile>& files, const TensorRef& tensor) {
  const WeightFile& file = files[tensor.file];
  require(tensor.dtype == Dtype::kI32 && tensor.strides.empty(), ErrorCode::kCheckpoint, file.path(),
          ": tensor \"", tensor.name, "\" is ", dtype_name(tensor.dtype), ", expected contiguous I32");
  std::vector<T> words(static_cast<size_t>(tensor.bytes) / sizeof(T));
  file.read(tensor.name, tensor.offset, tensor.bytes, words.data());
  return words;
}

// 1 in every field of a word.
uint32_t ones(int bits) {
  uint32_t word = 0;
  for (int shift = 0; shift < 32; shift += bits) word |= 1u << shift;
  return word;
}

void read_gptq(const std::vector<WeightFile>& files, const Quantized& q, CodeWords& w) {
  const WeightFile& file = files[q.codes.file];
  const int64_t rows = q.codes.shape.empty() ? 0 : q.codes.shape[0];
  for (w.bits = 2; w.bits < 9 && ceil_div(w.in * w.bits, 32) != rows; w.bits++) {
  }
  require(w.bits <= 4 || w.bits == 8, ErrorCode::kCheckpoint, file.path(), ": tensor \"", q.codes.name,
          "\" is ", shape_text(q.codes.shape), ", expected [", w.in, "·b/32, ", w.out,
          "] with b = 2, 3, 4 or 8 bits");
  require_shape(file, q.codes, {rows, w.out});
  require_shape(files[q.scales.file], q.scales, {w.groups, w.out});
  const int64_t zero_words = ceil_div(w.out * w.bits, 32);
  require_shape(files[q.zeros->file], *q.zeros, {w.groups, zero_words});
  std::vector<uint32_t> zeros = read_words<uint32_t>(files, *q.zeros);
  if (q.zero_field == ZeroField::kWordPlusOnes && w.bits != 3)
    for (uint32_t& word : zeros) word += ones(w.bits);
  const bool plus_one =
      q.zero_field == ZeroField::kPlusOne || (q.zero_field == ZeroField::kWordPlusOnes && w.bits == 3);
  for (int64_t g = 0; g < w.groups; g++) {
    for (int64_t n = 0; n < w.out; n++) {
      const uint32_t field = bit_field(zeros.data() + g * zero_words, 1, w.bits, n) + (plus_one ? 1 : 0);
      w.zeros.push_back(static_cast<uint8_t>(field & ((1u << w.bits) - 1u)));
    }
  }
  if (q.groups == nullptr) return;
  require_shape(files[q.groups->file], *q.groups, {w.in});
  w.group_of = read_words<int32_t>(files, *q.groups);
  for (const int32_t group : w.group_of)
    require(group >= 0 && group < w.groups, ErrorCode::kCheckpoint, files[q.groups->file].path(),
            ": tensor \"", q.groups->name, "\" names group ", group, " of ", w.groups);
}

void read_awq(const std::vector<WeightFile>& files, const Quantized& q, CodeWords& w) {
  require(w.out % 8 == 0, ErrorCode::kCheckpoint, files[q.codes.file].path(), ": tensor \"", q.codes.name,
          "\" has ", w.out, " outputs, expected a multiple of 8");
  require(w.in % w.group == 0, ErrorCode::kCheckpoint, files[q.codes.file].path(), ": tensor \"",
          q.codes.name, "\" has ", w.in, " inputs, expected a multiple of the group size, ", w.group);
  require_shape(files[q.codes.file], q.codes, {w.in, w.out / 8});
  require_shape(files[q.scales.file], q.scales, {w.groups, w.out});
  require_shape(files[q.zeros->file], *q.zeros, {w.groups, w.out / 8});
  const std::vector<uint32_t> zeros = read_words<uint32_t>(files, *q.zeros);
  for (const uint32_t word : zeros)
    for (const int place : kAwqPlaces) w.zeros.push_back(static_cast<uint8_t>(word >> 4 * place & 15));
}

// scales and zeros come by output, padded to whole words of zeros.
void read_awq_rows(const std::vector<WeightFile>& files, const Quantized& q, CodeWords& w) {
  const int64_t zero_words = q.zeros->shape.size() == 2 ? q.zeros->shape[1] : 0;
  require_shape(files[q.codes.file], q.codes, {w.out, ceil_div(w.in, 8)});
  require_shape(files[q.zeros->file], *q.zeros, {w.out, std::max(zero_words, ceil_div(w.groups, 8))});
  require_shape(files[q.scales.file], q.scales, {w.out, 8 * zero_words});
  const std::vector<uint32_t> zeros = read_words<uint32_t>(files, *q.zeros);
  std::vector<float> scales(static_cast<size_t>(w.groups * w.out));
  w.zeros.resize(scales.size());
  for (int64_t n = 0; n < w.out; n++) {
    for (int64_t g = 0; g < w.groups; g++) {
      const auto at = static_cast<size_t>(g * w.out + n);
      scales[at] = w.scales[static_cast<size_t>(n * 8 * zero_words + g)];
      w.zeros[at] = static_cast<uint8_t>(bit_field(zeros.data() + n * zero_words, 1, 4, g));
    }
  }
  w.scales = std::move(scales);
}

}  // namespace

void CodeWords::unpack(int64_t begin, int64_t count, uint8_t* target) const {
  if (layout_kind == Layout::kAwq) {
    for (int64_t k = 0; k < in; k++) {
      const uint32_t* const row = words.data() + k * (out / 8);
      for (int64_t n = 0; n < count; n++)
        target[n * in + k] =
            static_cast<uint8_t>(row[(begin + n) / 8] >> 4 * kAwqPlaces[(begin + n) % 8] & 15);
    }
    return;
  }
  const bool by_row = layout_kind == Layout::kAwqRows;
  const int64_t stride = by_row ? 1 : out;
  for (int64_t n = 0; n < count; n++, target += in) {
    const uint32_t* const string = words.data() + (by_row ? (begin + n) * ceil_div(in, 8) : begin + n);
    if (bits == 3) {
      for (int64_t k = 0; k < in; k++) target[k] = static_cast<uint8_t>(bit_field(string, stride, bits, k));
      continue;
    }
    const int fields = 32 / bits;
    const uint32_t mask = (1u << bits) - 1u;
    for (int64_t k = 0; k < in; k += fields) {
      const uint32_t word = string[k / fields * stride];
      for (int i = 0; i < std::min<int64_t>(fields, in - k); i++)
        target[k + i] = static_cast<uint8_t>(word >> i * bits & mask);
    }
  }
}

CodeLayout CodeWords::layout() const {
  CodeLayout layout{.format = Dtype::kInt4, .group = 0};
  if (bits > 4) return layout;
  for (const float scale : scales)
    if (float_from_f16(f16_from_float(scale)) != scale) return layout;
  const int64_t columns = groups == 1 ? ceil_div(in, kGroupUnit) * kGroupUnit : group;
  if (columns % kGroupUnit != 0) return layout;
  std::vector<int32_t> order(static_cast<size_t>(in));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    const int32_t group_a = group_of[static_cast<size_t>(a)];
    const int32_t group_b = group_of[static_cast<size_t>(b)];
    return group_a != group_b ? group_a < group_b : a < b;
  });
  for (int64_t i = 0; i < in; i++)
    if (group_of[static_cast<size_t>(order[static_cast<size_t>(i)])] != i / columns) return layout;
  layout.group = columns;
  if (!std::is_sorted(order.begin(), order.end())) layout.order = std::move(order);
  return layout;
}

CodeWords read_code_words(const std::vector<WeightFile>& files, const TensorRef& tensor,
                          std::vector<float> scales) {
  const Quantized& q = *tensor.quantized;
  CodeWords w;
  w.layout_kind = q.layout;
  w.out = tensor.shape[0];
  w.in = tensor.shape[1];
  w.group = q.group;
  w.scales = std::move(scales);
  require(q.zeros != nullptr && q.scales.shape.size() == 2 && q.group > 0, ErrorCode::kCheckpoint,
          files[q.codes.file].path(), ": tensor \"", tensor.name,
          "\" lacks zeros, a group size, or scales of two sides");
  w.groups = ceil_div(w.in, q.group);
  w.words = read_words<uint32_t>(files, q.codes);
  w.group_of.resize(static_cast<size_t>(w.in));
  for (int64_t k = 0; k < w.in; k++) w.group_of[static_cast<size_t>(k)] = static_cast<int32_t>(k / q.group);
  if (q.layout == Layout::kGptq)
    read_gptq(files, q, w);
  else if (q.layout == Layout::kAwq)
    read_awq(files, q, w);
  else
    read_awq_rows(files, q, w);
  return w;
}

}  // namespace honeybee
