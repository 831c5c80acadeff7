#pragma once
#include "cuda_runtime.h"  // nvcc includes it by itself
#include "shared_memory.h"

/// Shared memory of a block, as in the device's header of this name. Each declaration (in each instance of a
/// template) is a place in the simulated multiprocessor's shared memory with watched gaps around it.
#define HB_SHARED(type, name, extent)                                                           \
  static constinit honeybee::simt::SharedArray simt_##name##_array{#name, sizeof(type extent)}; \
  auto& name = *reinterpret_cast<honeybee::simt::Identity<type extent>*>(                       \
      honeybee::simt::shared_array(simt_##name##_array))
#define HB_DYNAMIC_SHARED(type, name) \
  type* const name = reinterpret_cast<type*>(honeybee::simt::dynamic_shared())
