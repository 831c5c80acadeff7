#pragma once
#include "engine/engine.h"
#include "napi/values.h"

namespace honeybee {

/// "f32", "bf16" or "f16". Throws Error(kOption).
Dtype read_dtype(const std::string& name);
/// The same of a weight or KV cache: "int8", "int4" and "fp8" too.
Dtype read_weight_dtype(const std::string& name);
/// "silu", "gelu", "quick_gelu" or "relu". Throws an Error of this code.
Activation read_activation(const std::string& name, ErrorCode code);

/// The objects that lib/ passes in, as the structs of the layers below.
ModelConfig read_config(const ObjectReader& config);
WeightDtypes read_dtypes(const ObjectReader& dtypes);
SamplingOptions read_sampling(const ObjectReader& options);
Request read_request(const ObjectReader& request);
EngineOptions read_engine_options(const ObjectReader& spec);

}  // namespace honeybee
