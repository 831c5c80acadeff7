#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/backend.h"

/// Each operation as the plain loop of its definition, in T: double for the truth, float for the error that a
/// naive implementation makes. Matrices are contiguous and row-major.
namespace honeybee::testing::reference {

using Values = std::vector<float>;

template <class T>
T sigmoid(T x) {
  return T(1) / (T(1) + std::exp(-x));
}

template <class T>
T silu(T x) {
  return x * sigmoid(x);
}

template <class T>
T activation(Activation kind, T x) {
  switch (kind) {
    case Activation::kSilu:
      return silu(x);
    case Activation::kGelu:
      return T(0.5) * x * (T(1) + std::erf(x / std::sqrt(T(2))));
    case Activation::kQuickGelu:
      return x * sigmoid(T(1.702) * x);
    case Activation::kRelu:
      return std::max(x, T(0));
  }
  return x;
}

template <class T, class X>
std::vector<T> layer_norm(const std::vector<X>& x, int64_t rows, const Values& weight, const Values& bias,
                          float eps) {
  const auto cols = static_cast<int64_t>(weight.size());
  std::vector<T> y(x.size());
  for (int64_t r = 0; r < rows; r++) {
    const X* in = x.data() + r * cols;
    T sum = 0;
    for (int64_t c = 0; c < cols; c++) sum += T(in[c]);
    const T mean = sum / T(cols);
    T squares = 0;
    for (int64_t c = 0; c < cols; c++) squares += (T(in[c]) - mean) * (T(in[c]) - mean);
    const T factor = T(1) / std::sqrt(squares / T(cols) + T(eps));
    for (int64_t c = 0; c < cols; c++) {
      y[r * cols + c] = (T(in[c]) - mean) * factor * T(weight[c]) + T(bias[c]);
    }
  }
  return y;
}

template <class T>
std::vector<T> rms_norm(const Values& x, int64_t rows, const Values& weight, float eps) {
  const auto cols = static_cast<int64_t>(weight.size());
  std::vector<T> y(x.size());
  for (int64_t r = 0; r < rows; r++) {
    const float* in = x.data() + r * cols;
    T squares = 0;
    for (int64_t c = 0; c < cols; c++) squares += T(in[c]) * T(in[c]);
    const T factor = T(1) / std::sqrt(squares / T(cols) + T(eps));
    for (int64_t c = 0; c < cols; c++) y[r * cols + c] = T(in[c]) * factor * T(weight[c]);
  }
  return y;
}

/// One query row against `keys` rows that lie `stride` values apart: softmax(scale · q kᵀ) v.
template <class T>
void attend(const float* q, const float* k, const float* v, int64_t keys, int64_t stride, int64_t dim,
            T scale, T* out) {
  std::vector<T> scores(keys);
  T largest = -INFINITY;
  for (int64_t j = 0; j < keys; j++) {
    T dot = 0;
    for (int64_t i = 0; i < dim; i++) dot += T(q[i]) * T(k[j * stride + i]);
    scores[j] = scale * dot;
    largest = std::max(largest, scores[j]);
  }
  T total = 0;
  for (T& score : scores) total += score = std::exp(score - largest);
  for (int64_t i = 0; i < dim; i++) {
    T sum = 0;
    for (int64_t j = 0; j < keys; j++) sum += scores[j] / total * T(v[j * stride + i]);
    out[i] = sum;
  }
}

/// q [batch·Tq, heads·dim], k and v [batch·Tk, heads·dim].
template <class T>
std::vector<T> attention(const Values& q, const Values& k, const Values& v, int64_t batch, int64_t heads,
                         int64_t dim, float scale) {
  const int64_t width = heads * dim;
  const int64_t queries = static_cast<int64_t>(q.size()) / (batch * width);
  const int64_t keys = static_cast<int64_t>(k.size()) / (batch * width);
  std::vector<T> out(q.size());
  for (int64_t b = 0; b < batch; b++) {
    for (int64_t i = 0; i < queries; i++) {
      for (int64_t h = 0; h < heads; h++) {
        const int64_t row = (b * queries + i) * width + h * dim;
        const int64_t first = b * keys * width + h * dim;
        attend<T>(&q[row], &k[first], &v[first], keys, width, dim, T(scale), &out[row]);
      }
    }
  }
  return out;
}

/// Causal attention of one sequence from position 0. q [length, heads·dim], k and v [length, kv_heads·dim].
template <class T>
std::vector<T> causal_attention(const Values& q, const Values& k, const Values& v, int64_t heads,
                                int64_t kv_heads, int64_t dim, float scale) {
  const int64_t length = static_cast<int64_t>(q.size()) / (heads * dim);
  std::vector<T> out(q.size());
  for (int64_t i = 0; i < length; i++) {
    for (int64_t h = 0; h < heads; h++) {
      const int64_t row = (i * heads + h) * dim;
      const int64_t kv = h * kv_heads / heads * dim;
      attend<T>(&q[row], &k[kv], &v[kv], i + 1, kv_heads * dim, dim, T(scale), &out[row]);
    }
  }
  return out;
}

/// Half-rotation RoPE of rows [length, heads·dim] at positions start, start + 1, …; table [positions, dim]:
/// dim/2 cosines, then dim/2 sines.
template <class T>
std::vector<T> rope(const Values& x, const Values& table, int64_t start, int64_t heads, int64_t dim) {
  const int64_t length = static_cast<int64_t>(x.size()) / (heads * dim);
  const int64_t half = dim / 2;
  std::vector<T> y(x.size());
  for (int64_t r = 0; r < length; r++) {
    const float* cos = &table[(start + r) * dim];
    const float* sin = cos + half;
    for (int64_t h = 0; h < heads; h++) {
      const float* in = &x[(r * heads + h) * dim];
      T* out = &y[(r * heads + h) * dim];
      for (int64_t i = 0; i < half; i++) {
        out[i] = T(in[i]) * T(cos[i]) - T(in[i + half]) * T(sin[i]);
        out[i + half] = T(in[i + half]) * T(cos[i]) + T(in[i]) * T(sin[i]);
      }
    }
  }
  return y;
}

/// x [batch·cells, channels], weight [9, channels].
template <class T>
std::vector<T> depthwise_conv3x3(const Values& x, const Values& weight, Grid grid, int64_t channels) {
  const int64_t batch = static_cast<int64_t>(x.size()) / (grid.cells() * channels);
  std::vector<T> y(x.size());
  for (int64_t b = 0; b < batch; b++) {
    for (int64_t row = 0; row < grid.height; row++) {
      for (int64_t col = 0; col < grid.width; col++) {
        for (int64_t c = 0; c < channels; c++) {
          T sum = 0;
          for (int64_t ky = 0; ky < 3; ky++) {
            for (int64_t kx = 0; kx < 3; kx++) {
              const int64_t in_row = row + ky - 1;
              const int64_t in_col = col + kx - 1;
              if (in_row < 0 || in_row >= grid.height || in_col < 0 || in_col >= grid.width) continue;
              const int64_t cell = b * grid.cells() + in_row * grid.width + in_col;
              sum += T(x[cell * channels + c]) * T(weight[(ky * 3 + kx) * channels + c]);
            }
          }
          y[(b * grid.cells() + row * grid.width + col) * channels + c] = sum;
        }
      }
    }
  }
  return y;
}

/// x [items·rows, channels] → [items, channels].
template <class T>
std::vector<T> mean_rows(const Values& x, int64_t items, int64_t channels) {
  const int64_t rows = static_cast<int64_t>(x.size()) / (items * channels);
  std::vector<T> y(items * channels);
  for (int64_t i = 0; i < items; i++) {
    for (int64_t c = 0; c < channels; c++) {
      T sum = 0;
      for (int64_t r = 0; r < rows; r++) sum += T(x[(i * rows + r) * channels + c]);
      y[i * channels + c] = sum / T(rows);
    }
  }
  return y;
}

/// x [batch·from, channels] → [batch·to, channels].
template <class T>
std::vector<T> adaptive_avg_pool(const Values& x, Grid from, Grid to, int64_t channels) {
  const int64_t batch = static_cast<int64_t>(x.size()) / (from.cells() * channels);
  std::vector<T> y(batch * to.cells() * channels);
  for (int64_t b = 0; b < batch; b++) {
    for (int64_t i = 0; i < to.height; i++) {
      for (int64_t j = 0; j < to.width; j++) {
        const int64_t top = i * from.height / to.height;
        const int64_t bottom = ((i + 1) * from.height + to.height - 1) / to.height;
        const int64_t left = j * from.width / to.width;
        const int64_t right = ((j + 1) * from.width + to.width - 1) / to.width;
        for (int64_t c = 0; c < channels; c++) {
          T sum = 0;
          for (int64_t row = top; row < bottom; row++) {
            for (int64_t col = left; col < right; col++) {
              sum += T(x[(b * from.cells() + row * from.width + col) * channels + c]);
            }
          }
          y[(b * to.cells() + i * to.width + j) * channels + c] = sum / T((bottom - top) * (right - left));
        }
      }
    }
  }
  return y;
}

/// value [batch·Σcells, heads·dim], offsets [batch·Q, heads·levels·points·2], logits without the 2, reference
/// [Q, 2].
template <class T>
std::vector<T> deformable_sample(const Values& value, const Values& offsets, const Values& logits,
                                 const Values& reference, const DeformableShape& shape, int64_t dim) {
  const auto levels = static_cast<int64_t>(shape.levels.size());
  const int64_t samples = levels * shape.points;
  const int64_t width = shape.heads * dim;
  const int64_t queries = static_cast<int64_t>(reference.size()) / 2;
  const int64_t cells = static_cast<int64_t>(value.size()) / (shape.batch * width);
  std::vector<T> y(shape.batch * queries * width, T(0));
  for (int64_t row = 0; row < shape.batch * queries; row++) {
    for (int64_t h = 0; h < shape.heads; h++) {
      const float* logit = &logits[(row * shape.heads + h) * samples];
      const T largest = T(*std::max_element(logit, logit + samples));
      T total = 0;
      for (int64_t s = 0; s < samples; s++) total += std::exp(T(logit[s]) - largest);
      int64_t first_cell = row / queries * cells;
      for (int64_t s = 0; s < samples; s++) {
        const Grid& level = shape.levels[s / shape.points];
        if (s > 0 && s % shape.points == 0) first_cell += shape.levels[s / shape.points - 1].cells();
        const float* offset = &offsets[((row * shape.heads + h) * samples + s) * 2];
        const T x = T(reference[row % queries * 2]) * T(level.width) + T(offset[0]) - T(0.5);
        const T y_pos = T(reference[row % queries * 2 + 1]) * T(level.height) + T(offset[1]) - T(0.5);
        const T weight = std::exp(T(logit[s]) - largest) / total;
        for (int64_t i = 0; i < level.height; i++) {
          for (int64_t j = 0; j < level.width; j++) {
            const T near_x = T(1) - std::fabs(x - T(j));
            const T near_y = T(1) - std::fabs(y_pos - T(i));
            if (!(near_x > T(0)) || !(near_y > T(0))) continue;
            const float* source = &value[(first_cell + i * level.width + j) * width + h * dim];
            for (int64_t c = 0; c < dim; c++) {
              y[row * width + h * dim + c] += weight * near_x * near_y * T(source[c]);
            }
          }
        }
      }
    }
  }
  return y;
}

}  // namespace honeybee::testing::reference
