#include "cpu/convert.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "cpu/convert_kernels.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet bf16_to_float_variants("convert", "bf16 to f32");
VariantSet f16_to_float_variants("convert", "f16 to f32");
VariantSet float_to_bf16_variants("convert", "f32 to bf16");
VariantSet float_to_f16_variants("convert", "f32 to f16");

void to_float(Isa isa, Dtype from, const void* source, float* target, int64_t count) {
  const auto* const halves = static_cast<const uint16_t*>(source);
  if (from == Dtype::kBF16) {
    bf16_to_float_variants.ran(isa);
    convert_kernels(isa).bf16_to_float(halves, target, count);
  } else {
    f16_to_float_variants.ran(isa);
    convert_kernels(isa).f16_to_float(halves, target, count);
  }
}

void from_float(Isa isa, Dtype to, const float* source, void* target, int64_t count) {
  auto* const halves = static_cast<uint16_t*>(target);
  if (to == Dtype::kBF16) {
    float_to_bf16_variants.ran(isa);
    convert_kernels(isa).float_to_bf16(source, halves, count);
  } else {
    float_to_f16_variants.ran(isa);
    convert_kernels(isa).float_to_f16(source, halves, count);
  }
}

}  // namespace

void convert(Isa isa, Dtype from, const void* source, Dtype to, void* target, int64_t count) {
  for (const Dtype dtype : {from, to}) {
    require(dtype == Dtype::kF32 || dtype == Dtype::kBF16 || dtype == Dtype::kF16, ErrorCode::kOption,
            "cannot convert ", dtype_name(from), " to ", dtype_name(to));
  }
  if (from == to) {
    std::memcpy(target, source, static_cast<size_t>(count) * dtype_size(from));
  } else if (to == Dtype::kF32) {
    to_float(isa, from, source, static_cast<float*>(target), count);
  } else if (from == Dtype::kF32) {
    from_float(isa, to, static_cast<const float*>(source), target, count);
  } else {
    constexpr int64_t kPiece = 512;
    float piece[kPiece];
    for (int64_t i = 0; i < count; i += kPiece) {
      const int64_t n = std::min(kPiece, count - i);
      to_float(isa, from, static_cast<const uint16_t*>(source) + i, piece, n);
      from_float(isa, to, piece, static_cast<uint16_t*>(target) + i, n);
    }
  }
}

}  // namespace honeybee::cpu
