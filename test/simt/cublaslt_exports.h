#pragma once
#include "cuda/cublaslt.h"

/// cuBLASLt's functions under their own names, as the simulator exports them: the loader of the backend finds
/// them in its own library.
namespace honeybee::cuda::lt {

#define SIMT_CUBLASLT_EXPORT(name, result, parameters) \
  extern "C" __attribute__((visibility("default"))) result cublasLt##name parameters;
HB_CUBLASLT_FUNCTIONS(SIMT_CUBLASLT_EXPORT)
#undef SIMT_CUBLASLT_EXPORT

}  // namespace honeybee::cuda::lt
