#pragma once
#include "core/error.h"
#include "cuda/attention_plain.h"
#include "cuda/attention_tile.h"

namespace honeybee::cuda {

/// Calls body.operator()<Tile>() with the tile for keys stored as C: tensor cores for 16-bit keys and codes
/// whose head dimension is a multiple of 16 and of whose rows eight values can be read at once (`vectors`),
/// floats for the others.
template <class C, int kWarps, class Body>
void with_attention_tile(const char* op, int64_t dim, bool vectors, Body body) {
  require(dim <= PlainTile<C>::kMaxDim, ErrorCode::kOption, op, ": head dimensions up to ",
          PlainTile<C>::kMaxDim, " are possible on a GPU, not ", dim);
  if constexpr (sizeof(C) <= 2) {
    if (dim % 16 == 0 && vectors) {
      if (dim <= 64) return body.template operator()<TensorTile<C, 64, kWarps>>();
      if (dim <= 128) return body.template operator()<TensorTile<C, 128, kWarps>>();
      return body.template operator()<TensorTile<C, 256, kWarps>>();
    }
  }
  body.template operator()<PlainTile<C>>();
}

}  // namespace honeybee::cuda
