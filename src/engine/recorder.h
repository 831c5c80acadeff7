#pragma once
#include <vector>

#include "engine/request.h"
#include "engine/sequence.h"
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

/// Adds the time of its life to a figure.
class ModelTime {
 public:
  explicit ModelTime(double& sum) : sum_(sum) {}
  ~ModelTime() { sum_ += milliseconds(begin_, Clock::now()); }
  ModelTime(const ModelTime&) = delete;
  ModelTime& operator=(const ModelTime&) = delete;

 private:
  double& sum_;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace honeybee
