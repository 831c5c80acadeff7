#pragma once
#include <bit>
#include <type_traits>

/// CUDA's atomic operations: relaxed, the old value returned.
namespace honeybee::simt {

/// Replaces `*target` by update(old); works for float as well, through the integer of its size.
template <class T, class Update>
T atomic_update(T* target, Update update) {
  using Bits = std::conditional_t<sizeof(T) == 4, unsigned, unsigned long long>;
  auto* bits = reinterpret_cast<Bits*>(target);
  Bits old = __atomic_load_n(bits, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(bits, &old, std::bit_cast<Bits>(update(std::bit_cast<T>(old))), true,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return std::bit_cast<T>(old);
}

}  // namespace honeybee::simt

#define SIMT_ATOMIC(name, type, expression)                                                         \
  inline type name(type* target, type value) {                                                      \
    return honeybee::simt::atomic_update(target, [value](type old) -> type { return expression; }); \
  }
SIMT_ATOMIC(atomicAdd, int, static_cast<int>(static_cast<unsigned>(old) + static_cast<unsigned>(value)))
SIMT_ATOMIC(atomicAdd, unsigned, old + value)
SIMT_ATOMIC(atomicAdd, unsigned long long, old + value)
SIMT_ATOMIC(atomicAdd, float, old + value)
SIMT_ATOMIC(atomicAdd, double, old + value)
SIMT_ATOMIC(atomicSub, int, static_cast<int>(static_cast<unsigned>(old) - static_cast<unsigned>(value)))
SIMT_ATOMIC(atomicSub, unsigned, old - value)
SIMT_ATOMIC(atomicMax, int, old < value ? value : old)
SIMT_ATOMIC(atomicMax, unsigned, old < value ? value : old)
SIMT_ATOMIC(atomicMax, long long, old < value ? value : old)
SIMT_ATOMIC(atomicMax, unsigned long long, old < value ? value : old)
SIMT_ATOMIC(atomicMin, int, value < old ? value : old)
SIMT_ATOMIC(atomicMin, unsigned, value < old ? value : old)
SIMT_ATOMIC(atomicMin, long long, value < old ? value : old)
SIMT_ATOMIC(atomicMin, unsigned long long, value < old ? value : old)
SIMT_ATOMIC(atomicExch, int, (static_cast<void>(old), value))
SIMT_ATOMIC(atomicExch, unsigned, (static_cast<void>(old), value))
SIMT_ATOMIC(atomicExch, unsigned long long, (static_cast<void>(old), value))
SIMT_ATOMIC(atomicExch, float, (static_cast<void>(old), value))
SIMT_ATOMIC(atomicOr, int, old | value)
SIMT_ATOMIC(atomicOr, unsigned, old | value)
SIMT_ATOMIC(atomicAnd, int, old& value)
SIMT_ATOMIC(atomicAnd, unsigned, old& value)
SIMT_ATOMIC(atomicXor, int, old ^ value)
SIMT_ATOMIC(atomicXor, unsigned, old ^ value)
/// Counts up to `value` and then from 0 again.
SIMT_ATOMIC(atomicInc, unsigned, old >= value ? 0u : old + 1)
#undef SIMT_ATOMIC

#define SIMT_ATOMIC_CAS(type)                                                                   \
  inline type atomicCAS(type* target, type expected, type value) {                              \
    return honeybee::simt::atomic_update(                                                       \
        target, [expected, value](type old) -> type { return old == expected ? value : old; }); \
  }
SIMT_ATOMIC_CAS(int)
SIMT_ATOMIC_CAS(unsigned)
SIMT_ATOMIC_CAS(unsigned long long)
#undef SIMT_ATOMIC_CAS

// A fence orders what the host's in-order fibers already order.
inline void __threadfence() { __asm__ volatile("" ::: "memory"); }
inline void __threadfence_block() { __asm__ volatile("" ::: "memory"); }
