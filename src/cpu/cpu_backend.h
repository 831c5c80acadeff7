#pragma once
#include <memory>
#include <optional>

#include "core/backend.h"
#include "cpu/isa.h"

namespace honeybee {

struct CpuOptions {
  /// Including the caller; 0: as many as this process may run on.
  int threads = 0;
  /// Also with bf16 weights a row's bits do not depend on how many rows are multiplied.
  bool batch_invariant = false;
  /// Default: HONEYBEE_ISA, else the best of this machine.
  std::optional<cpu::Isa> isa = std::nullopt;
};

/// The backend of this machine's processor. Throws Error(kOption) for a thread count out of range or an
/// instruction set that cannot run here.
std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options = {});

}  // namespace honeybee
