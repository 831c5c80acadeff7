#pragma once
#include <cstdint>

/// The tile registers of AMX as linear_tiles.h and integer_tiles.h use them. Instructions are written as
/// assembly because GCC 12's intrinsics do not declare the memory they read: the configuration and tiles
/// stored just before were optimised away.
namespace honeybee::cpu::HB_ISA {

struct AmxTiles {
  /// For this thread, until release(), `depth` bytes of each row of x, a multiple of 4 and at most 64, meet
  /// as many of each column of weights: registers 0 to 3 are sums, 16 × 16 words; 4 and 5 x, 16 rows of
  /// `depth` bytes; 6 and 7 weights, depth / 4 rows of 16 columns' words of 4 bytes.
  static void configure(int depth) {
    struct alignas(64) Configuration {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    Configuration configuration;
    configuration.row_bytes[4] = configuration.row_bytes[5] = static_cast<uint16_t>(depth);
    configuration.rows[6] = configuration.rows[7] = static_cast<uint8_t>(depth / 4);
    asm volatile("ldtilecfg %0" ::"m"(configuration));
  }
  /// Threads that hold tile state are slower to switch.
  static void release() { asm volatile("tilerelease" ::: "memory"); }

  template <int tile>
  [[gnu::always_inline]] static void clear() {
    asm volatile("tilezero %%tmm%c0" ::"i"(tile));
  }
  /// Rows lie `stride` bytes apart.
  template <int tile>
  [[gnu::always_inline]] static void load(const void* rows, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(rows), "r"(stride), "i"(tile) : "memory");
  }
  template <int tile>
  [[gnu::always_inline]] static void store(void* rows, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(rows), "r"(stride), "i"(tile) : "memory");
  }
  /// Of bf16: sum[m][n] += Σ x[m][p][i] w[p][n][i], i from 0 to 1.
  template <int sum, int x, int w>
  [[gnu::always_inline]] static void add_product() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sum), "i"(x), "i"(w));
  }
  /// Of bytes, those of x with and those of w without a sign, to sums of 32 bits: i from 0 to 3.
  template <int sum, int x, int w>
  [[gnu::always_inline]] static void add_byte_product() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sum), "i"(x), "i"(w));
  }
};

}  // namespace honeybee::cpu::HB_ISA
