#pragma once
#include <cstdint>
#include <ostream>
#include <vector>

namespace honeybee::testing {

/// Of a product y [rows, out] = x [rows, in] wᵀ.
struct Size {
  int64_t rows;
  int64_t in;
  int64_t out;
};

inline std::ostream& operator<<(std::ostream& out, const Size& s) {
  return out << s.rows << "x" << s.in << "x" << s.out;
}

/// start + x wᵀ (+ bias) in T; an empty bias is none.
template <class T>
std::vector<T> product(const std::vector<float>& x, const std::vector<float>& w,
                       const std::vector<float>& bias, const std::vector<float>& start, const Size& size) {
  std::vector<T> y(static_cast<size_t>(size.rows * size.out));
  for (int64_t r = 0; r < size.rows; r++) {
    for (int64_t n = 0; n < size.out; n++) {
      T sum = T(start[r * size.out + n]) + (bias.empty() ? T(0) : T(bias[n]));
      for (int64_t k = 0; k < size.in; k++) sum += T(x[r * size.in + k]) * T(w[n * size.in + k]);
      y[r * size.out + n] = sum;
    }
  }
  return y;
}

}  // namespace honeybee::testing
