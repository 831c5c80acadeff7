#include "core/tensor.h"

namespace honeybee {

std::string Tensor::describe() const {
  return std::string(dtype_name(dtype)) + " [" + std::to_string(rows) + ", " + std::to_string(cols) + "]";
}

}  // namespace honeybee
