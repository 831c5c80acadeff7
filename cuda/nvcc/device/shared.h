#pragma once

/// Shared memory of a block. HB_SHARED(float, tile, [64][72]) declares an array whose size is known to the
/// compiler; HB_DYNAMIC_SHARED(float, buffer) names what the launch asked for, aligned to 128 bytes, once a
/// kernel. (test/simt has the twin of this header that watches its bounds.)
#define HB_SHARED(type, name, extent) __shared__ __align__(16) type name extent
#define HB_DYNAMIC_SHARED(type, name)                                       \
  extern __shared__ __align__(128) unsigned char honeybee_dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(honeybee_dynamic_shared)
