// The vector of a translation unit for any processor, in the vector extensions of GCC and Clang; see vec.h.
// Without a fused instruction fma() rounds twice, in every kernel alike.

namespace honeybee::cpu::HB_ISA {

using Vec = float __attribute__((vector_size(16)));
using Pairs = uint32_t __attribute__((vector_size(16)));
using Ints = int32_t __attribute__((vector_size(16)));
inline constexpr int kLanes = 4;

HB_INLINE Vec zero() { return Vec{}; }
HB_INLINE Vec broadcast(float value) { return Vec{value, value, value, value}; }
HB_INLINE Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
HB_INLINE Vec load_n(const float* p, int n) {
  Vec v{};
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
}
HB_INLINE void store(float* p, Vec v) { __builtin_memcpy(p, &v, sizeof v); }
HB_INLINE void store_n(float* p, Vec v, int n) {
  for (int i = 0; i < n; i++) p[i] = v[i];
}

HB_INLINE Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
// Like the instructions of the other sets: the second operand when either is NaN.
HB_INLINE Vec max(Vec a, Vec b) { return a > b ? a : b; }
HB_INLINE Vec min(Vec a, Vec b) { return a < b ? a : b; }
HB_INLINE Vec sqrt(Vec a) {
  Vec out;
  for (int i = 0; i < kLanes; i++) out[i] = __builtin_sqrtf(a[i]);
  return out;
}
HB_INLINE Vec abs(Vec a) { return reinterpret_cast<Vec>(reinterpret_cast<Ints>(a) & 0x7fffffff); }
HB_INLINE Vec copy_sign(Vec magnitude, Vec sign) {
  return reinterpret_cast<Vec>(reinterpret_cast<Ints>(magnitude) |
                               (reinterpret_cast<Ints>(sign) & static_cast<int32_t>(0x80000000u)));
}
// Adding 1.5 * 2^23 leaves no bits for a fraction; larger values have none.
HB_INLINE Vec round(Vec a) {
  const Vec magic = broadcast(12582912.0f);
  const Vec rounded = (a + magic) - magic;
  return abs(a) < broadcast(4194304.0f) ? rounded : a;
}
HB_INLINE Vec select_less(Vec a, Vec b, Vec yes, Vec no) { return a < b ? yes : no; }
// Two factors, because a result may be subnormal or a power may exceed the largest float.
HB_INLINE Vec scale_by_power(Vec a, Vec n) {
  const Ints power = __builtin_convertvector(n == n ? n : zero(), Ints);
  const Ints half = power >> 1;
  const Ints rest = power - half;
  return a * reinterpret_cast<Vec>((half + 127) << 23) * reinterpret_cast<Vec>((rest + 127) << 23);
}
HB_INLINE float reduce_add(Vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }
HB_INLINE float reduce_max(Vec v) {
  const float a = v[0] > v[2] ? v[0] : v[2];
  const float b = v[1] > v[3] ? v[1] : v[3];
  return a > b ? a : b;
}

HB_INLINE Pairs load_halves_n(const uint16_t* p, int n) {
  Pairs v{};
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
}
HB_INLINE void store_halves_n(uint16_t* p, Pairs v, int n) {
  for (int i = 0; i < n; i++) p[i] = static_cast<uint16_t>(v[i]);
}
HB_INLINE Pairs vec_to_bf16(Vec v) {
  const Pairs bits = reinterpret_cast<Pairs>(v);
  const Pairs rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const Pairs quiet = (bits >> 16) | 0x40;
  return (bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded;
}
// Multiplying by 2^112 moves the exponent of a half to that of a float, subnormal halves included.
HB_INLINE Vec f16_to_vec(Pairs v) {
  const Pairs magnitude = (v & 0x7fff) << 13;
  const Pairs scaled = reinterpret_cast<Pairs>(reinterpret_cast<Vec>(magnitude) * 0x1p112f);
  const Pairs special = magnitude | 0x7f800000;
  return reinterpret_cast<Vec>(((v & 0x8000) << 16) | (magnitude >= 0x0f800000 ? special : scaled));
}
HB_INLINE Pairs vec_to_f16(Vec v) {
  const Pairs sign = (reinterpret_cast<Pairs>(v) >> 16) & 0x8000;
  const Pairs bits = reinterpret_cast<Pairs>(v) & 0x7fffffff;
  const Pairs normal = (bits - 0x38000000 + 0xfff + ((bits >> 13) & 1)) >> 13;
  // Subnormal halves: adding 0.5 aligns the mantissa so that the float adder rounds.
  const Pairs aligned = reinterpret_cast<Pairs>(reinterpret_cast<Vec>(bits) + 0.5f) - 0x3f000000;
  const Pairs infinite = Pairs{} + 0x7c00;
  const Pairs nan = ((bits >> 13) & 0x3ff) | 0x7e00;
  Pairs half = bits < 0x38800000 ? aligned : normal;
  half = bits >= 0x477ff000 ? infinite : half;
  half = bits > 0x7f800000 ? nan : half;
  return sign | half;
}
HB_INLINE Vec load_bf16_n(const uint16_t* p, int n) {
  return reinterpret_cast<Vec>(load_halves_n(p, n) << 16);
}
HB_INLINE Vec load_bf16(const uint16_t* p) { return load_bf16_n(p, kLanes); }
HB_INLINE void store_bf16_n(uint16_t* p, Vec v, int n) { store_halves_n(p, vec_to_bf16(v), n); }
HB_INLINE void store_bf16(uint16_t* p, Vec v) { store_bf16_n(p, v, kLanes); }
HB_INLINE Vec load_f16_n(const uint16_t* p, int n) { return f16_to_vec(load_halves_n(p, n)); }
HB_INLINE Vec load_f16(const uint16_t* p) { return load_f16_n(p, kLanes); }
HB_INLINE void store_f16_n(uint16_t* p, Vec v, int n) { store_halves_n(p, vec_to_f16(v), n); }
HB_INLINE void store_f16(uint16_t* p, Vec v) { store_f16_n(p, v, kLanes); }

HB_INLINE Vec load_i8(const void* p) {
  const auto* const bytes = static_cast<const int8_t*>(p);
  Vec v{};
  for (int i = 0; i < kLanes; i++) v[i] = bytes[i];
  return v;
}
HB_INLINE Vec load_f8(const uint8_t* p) {
  Pairs bytes{};
  for (int i = 0; i < kLanes; i++) bytes[i] = p[i];
  return f16_to_vec(((bytes & 0x7f) << 7) | ((bytes & 0x80) << 8));
}

HB_INLINE Pairs load_pairs(const uint16_t* p) {
  Pairs v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
HB_INLINE void store_pairs(uint16_t* p, Pairs v) { __builtin_memcpy(p, &v, sizeof v); }
HB_INLINE Pairs make_pairs(Vec even, Vec odd) {
  return (reinterpret_cast<Pairs>(even) >> 16) | (reinterpret_cast<Pairs>(odd) & 0xffff0000u);
}
HB_INLINE Pairs broadcast_pair(const uint16_t* p) {
  uint32_t pair;
  __builtin_memcpy(&pair, p, 4);
  return Pairs{pair, pair, pair, pair};
}
HB_INLINE Vec even(Pairs v) { return reinterpret_cast<Vec>(v << 16); }
HB_INLINE Vec odd(Pairs v) { return reinterpret_cast<Vec>(v & 0xffff0000u); }
HB_INLINE Vec dot_pairs(Pairs a, Pairs b, Vec sum) { return fma(odd(a), odd(b), fma(even(a), even(b), sum)); }
HB_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }

}  // namespace honeybee::cpu::HB_ISA
