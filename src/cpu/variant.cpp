#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

std::vector<const Variant*>& registry() {
  static std::vector<const Variant*> variants;
  return variants;
}

}  // namespace

const std::vector<const Variant*>& all_variants() { return registry(); }

VariantSet::VariantSet(const char* op, const char* dtype)
    : VariantSet(op, dtype, {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16, Isa::kAmx}) {}

VariantSet::VariantSet(const char* op, const char* dtype, std::initializer_list<Isa> isas) {
  for (const Isa isa : isas) {
    Variant& variant = variants_[static_cast<size_t>(isa)];
    variant.op = op;
    variant.isa = isa;
    variant.dtype = dtype;
    registry().push_back(&variant);
  }
}

}  // namespace honeybee::cpu
