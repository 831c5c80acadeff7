#pragma once
#include <cstdint>

#include "cpu/integer_tiles.h"
#include "cpu/linear_tiles.h"
#include "emulated_kernels.h"

namespace honeybee::cpu::HB_ISA {

/// AmxTiles after Intel's manual (Instruction Set Reference: LDTILECFG, TILELOADD, TILESTORED, TILEZERO,
/// TDPBF16PS, TDPBSUD) on testing::tile_state.
struct EmulatedTiles {
  static void configure(int depth) {
    expect(depth > 0 && depth <= 64 && depth % 4 == 0, "a depth that no tile has");
    for (int t = 0; t < 8; t++) {
      state.rows[t] = t < 6 ? 16 : depth / 4;
      state.row_bytes[t] = t == 4 || t == 5 ? depth : 64;
    }
    forget();
  }
  static void release() {
    for (int t = 0; t < 8; t++) state.rows[t] = state.row_bytes[t] = 0;
    forget();
  }

  template <int tile>
  static void clear() {
    static_assert(tile >= 0 && tile < 8);
    expect(state.rows[tile] > 0, "clear: no configuration");
    __builtin_memset(state.bytes[tile], 0, sizeof state.bytes[tile]);
  }
  template <int tile>
  static void load(const void* rows, int64_t stride) {
    clear<tile>();  // what lies beyond the configured rows and bytes
    for (int r = 0; r < state.rows[tile]; r++)
      __builtin_memcpy(state.bytes[tile][r], static_cast<const char*>(rows) + r * stride,
                       static_cast<size_t>(state.row_bytes[tile]));
  }
  template <int tile>
  static void store(void* rows, int64_t stride) {
    static_assert(tile >= 0 && tile < 8);
    expect(state.rows[tile] > 0, "store: no configuration");
    for (int r = 0; r < state.rows[tile]; r++)
      __builtin_memcpy(static_cast<char*>(rows) + r * stride, state.bytes[tile][r],
                       static_cast<size_t>(state.row_bytes[tile]));
  }

  template <int sum, int x, int w>
  static void add_product() {
    begin_product<sum, x, w>();
    for (int m = 0; m < state.rows[sum]; m++) {
      for (int n = 0; n < state.row_bytes[sum] / 4; n++) {
        float halves[2] = {};  // the even and the odd values of k
        for (int k = 0; k < state.row_bytes[x] / 4; k++)
          for (int i = 0; i < 2; i++)
            halves[i] = flushed(halves[i] + bf16(state.bytes[x][m] + 4 * k + 2 * i) *
                                                bf16(state.bytes[w][k] + 4 * n + 2 * i));
        float total;
        __builtin_memcpy(&total, state.bytes[sum][m] + 4 * n, 4);
        total = flushed(flushed(total) + flushed(halves[0] + halves[1]));
        __builtin_memcpy(state.bytes[sum][m] + 4 * n, &total, 4);
      }
    }
  }

  template <int sum, int x, int w>
  static void add_byte_product() {
    begin_product<sum, x, w>();
    for (int m = 0; m < state.rows[sum]; m++) {
      for (int n = 0; n < state.row_bytes[sum] / 4; n++) {
        int32_t total;
        __builtin_memcpy(&total, state.bytes[sum][m] + 4 * n, 4);
        for (int k = 0; k < state.row_bytes[x] / 4; k++)
          for (int i = 0; i < 4; i++)
            total += static_cast<int8_t>(state.bytes[x][m][4 * k + i]) * state.bytes[w][k][4 * n + i];
        __builtin_memcpy(state.bytes[sum][m] + 4 * n, &total, 4);
      }
    }
  }

 private:
  static constexpr testing::TileState& state = testing::tile_state;

  static void expect(bool condition, const char* misuse) {
    if (!condition && *state.misuse == '\0') state.misuse = misuse;
  }
  // The instructions leave zeros; whoever counts on what was not loaded shall see that it is wrong.
  static void forget() { __builtin_memset(state.bytes, 0x7f, sizeof state.bytes); }

  template <int sum, int x, int w>
  static void begin_product() {
    static_assert(sum >= 0 && sum < 8 && x >= 0 && x < 8 && w >= 0 && w < 8);
    static_assert(sum != x && sum != w && x != w);
    state.products++;
    expect(state.rows[sum] > 0, "product: no configuration");
    expect(state.rows[sum] == state.rows[x], "product: sums and x of different rows");
    expect(state.row_bytes[sum] == state.row_bytes[w], "product: sums and weights of different columns");
    expect(state.row_bytes[x] == 4 * state.rows[w], "product: x and weights of different depths");
  }

  // Subnormals are zeros before and after every addition, whatever the mode of the processor.
  static float flushed(float value) { return __builtin_fabsf(value) < 0x1p-126f ? 0.0f : value; }
  static float bf16(const unsigned char* p) {
    uint16_t half;
    __builtin_memcpy(&half, p, 2);
    const uint32_t bits = uint32_t{half} << 16;
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return flushed(value);
  }
};

}  // namespace honeybee::cpu::HB_ISA

namespace honeybee::testing {

extern const EmulatedKernels HB_ISA = {
#ifdef __AVX512BF16__
    .isa = cpu::Isa::kAvx512Bf16,
#else
    .isa = cpu::Isa::kPortable,
#endif
    .bf16 = cpu::HB_ISA::tile_product<cpu::HB_ISA::EmulatedTiles>,
    .int8 = cpu::HB_ISA::tiled_integer_product<cpu::HB_ISA::EmulatedTiles, cpu::HB_ISA::Int8Strip>,
    .int4 = cpu::HB_ISA::tiled_integer_product<cpu::HB_ISA::EmulatedTiles, cpu::HB_ISA::Int4Strip>,
};

}  // namespace honeybee::testing
