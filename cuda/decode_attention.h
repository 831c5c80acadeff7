#pragma once
#include "cuda/cuda.h"
#include "cuda/paged_rows.h"
#include "cuda/stored_row.h"

namespace honeybee::cuda {

/// paged_attention of sequences with at most one row each, whose rows attend to at most `length_bound` keys:
/// these are divided among blocks.
template <class C>
void decode_attention(Cuda& cuda, const PagedCall<C>& call, int64_t length_bound);

extern template void decode_attention(Cuda&, const PagedCall<float>&, int64_t);
extern template void decode_attention(Cuda&, const PagedCall<__nv_bfloat16>&, int64_t);
extern template void decode_attention(Cuda&, const PagedCall<KvInt8>&, int64_t);
extern template void decode_attention(Cuda&, const PagedCall<KvFp8>&, int64_t);

}  // namespace honeybee::cuda
