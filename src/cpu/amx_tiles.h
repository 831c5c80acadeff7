#pragma once
#include <cstdint>

/// The tile registers of AMX as linear_tiles.h uses them: eight registers of 16 rows × 64 bytes. Instructions
/// are written as assembly because GCC 12's intrinsics do not declare the memory they read: the configuration
/// and tiles stored just before were optimised away.
namespace honeybee::cpu::HB_ISA {

struct AmxTiles {
  /// All eight registers to 16 × 64 bytes, for this thread, until release().
  static void configure() {
    struct alignas(64) Configuration {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    const Configuration configuration;
    asm volatile("ldtilecfg %0" ::"m"(configuration));
  }
  /// Threads that hold tile state are slower to switch.
  static void release() { asm volatile("tilerelease" ::: "memory"); }

  /// 16 rows of 64 bytes that lie `stride` bytes apart.
  template <int tile>
  [[gnu::always_inline]] static void load(const void* rows, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(rows), "r"(stride), "i"(tile) : "memory");
  }
  template <int tile>
  [[gnu::always_inline]] static void store(void* rows, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(rows), "r"(stride), "i"(tile) : "memory");
  }
  /// sum[16][16] += a[16][16][2] · b[16][16][2]: sum[m][n] += Σ a[m][p][i] b[p][n][i].
  template <int sum, int a, int b>
  [[gnu::always_inline]] static void add_product() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sum), "i"(a), "i"(b));
  }
};

}  // namespace honeybee::cpu::HB_ISA
