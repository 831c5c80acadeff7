#include "cpu/fp8_matrix.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "core/quantize.h"

namespace honeybee::cpu {
namespace {

constexpr int64_t kDepthUnit = 32;
constexpr float kPanelScale = 256.0f;  // see load_f8 in vec.h

}  // namespace

Fp8Matrix::Fp8Matrix(Cpu& cpu, const RowSource& source)
    : Matrix(source.rows(), source.cols(), Dtype::kFp8),
      depth_((source.cols() + kDepthUnit - 1) / kDepthUnit * kDepthUnit),
      memory_(static_cast<size_t>(panels()) * panel_bytes()) {
  const int workers = static_cast<int>(std::min<int64_t>(cpu.pool.threads(), panels()));
  std::atomic<int64_t> next{0};
  cpu.pool.run(workers, [&](int64_t, int) {
    std::vector<uint8_t> codes(static_cast<size_t>(kPanel * in()));
    for (int64_t p = next++; p < panels(); p = next++) {
      const int64_t rows = std::min<int64_t>(kPanel, out() - p * kPanel);
      auto* const target = static_cast<uint8_t*>(memory_.data()) + static_cast<size_t>(p) * panel_bytes();
      auto* const scales = reinterpret_cast<float*>(target + depth_ * kPanel);
      read_codes(source, Dtype::kFp8, p * kPanel, rows, {.codes = codes.data(), .scales = scales});
      bool numbers = true;
      for (int64_t n = 0; n < rows; n++) {
        scales[n] *= kPanelScale;
        for (int64_t k = 0; k < in(); k++) {
          const uint8_t code = codes[static_cast<size_t>(n * in() + k)];
          numbers = numbers && (code & 0x7f) != 0x7f;
          target[k * kPanel + n] = code;
        }
      }
      require(numbers, ErrorCode::kCheckpoint, "an fp8 weight is not a number");
    }
  });
}

void Fp8Matrix::read_row(int64_t index, float* target) const {
  const int64_t n = index % kPanel;
  const uint8_t* const codes = panel(index / kPanel);
  const float scale = scales(index / kPanel)[n] / kPanelScale;
  for (int64_t k = 0; k < in(); k++) target[k] = float_from_fp8(codes[k * kPanel + n]) * scale;
}

}  // namespace honeybee::cpu
