#pragma once
#include <vector>

#include "model/file_store.h"
#include "napi/values.h"

namespace honeybee {

/// The table of a checkpoint's tensors, as lib/checkpoint makes it (TensorRef in types.ts).
std::vector<TensorRef> read_tensors(const std::vector<ObjectReader>& tensors);

}  // namespace honeybee
