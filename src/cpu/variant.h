#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "cpu/isa.h"

namespace honeybee::cpu {

/// One compiled kernel: an operation, the instruction set it was compiled for and the dtype it computes with.
/// The counter tells the tests whether anything ran it.
struct Variant {
  const char* op = nullptr;
  Isa isa = Isa::kPortable;
  const char* dtype = nullptr;
  std::atomic<uint64_t> runs{0};
};

/// Every variant in this process, in order of registration.
const std::vector<const Variant*>& all_variants();

/// The variants of one operation and dtype; a namespace-scope object beside the code that dispatches them.
/// `op` and `dtype` are literals.
class VariantSet {
 public:
  /// One for each instruction set.
  VariantSet(const char* op, const char* dtype);
  /// One for each of `isas` only.
  VariantSet(const char* op, const char* dtype, std::initializer_list<Isa> isas);
  VariantSet(const VariantSet&) = delete;
  VariantSet& operator=(const VariantSet&) = delete;

  /// Called at every dispatch.
  void ran(Isa isa) { variants_[static_cast<size_t>(isa)].runs.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::array<Variant, kIsaCount> variants_;
};

}  // namespace honeybee::cpu
