#pragma once
#include <vector>

#include "engine/request.h"
#include "model/run.h"

namespace honeybee {

/// Keeps what it sees as floats on the host.
inline Trace recorder(Backend& backend, std::vector<TraceTensor>& trace) {
  return [&backend, &trace](const std::string& name, const TensorShape& shape, const Tensor& values) {
    std::vector<char> raw(static_cast<size_t>(values.size()) * dtype_size(values.dtype));
    backend.download(values, raw.data());
    TraceTensor tensor{name, shape, std::vector<float>(static_cast<size_t>(values.size()))};
    convert_to_float(values.dtype, raw.data(), tensor.values.data(), tensor.values.size());
    trace.push_back(std::move(tensor));
  };
}

}  // namespace honeybee
