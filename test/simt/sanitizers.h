#pragma once
#include <cstddef>

/// What AddressSanitizer and ThreadSanitizer have to be told. Nothing in other builds.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMT_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define SIMT_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SIMT_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define SIMT_TSAN 1
#endif

#ifdef SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SIMT_TSAN
#include <sanitizer/tsan_interface.h>
/// The simulator's own work on behalf of a thread: no access of the kernel's.
#define SIMT_UNTRACED __attribute__((no_sanitize("thread")))
#else
#define SIMT_UNTRACED
#endif

namespace honeybee::simt {

inline void poison([[maybe_unused]] const void* begin, [[maybe_unused]] size_t bytes) {
#ifdef SIMT_ASAN
  __asan_poison_memory_region(begin, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* begin, [[maybe_unused]] size_t bytes) {
#ifdef SIMT_ASAN
  __asan_unpoison_memory_region(begin, bytes);
#endif
}

/// What this thread did so far happens before what another does after `observe` of the same token.
SIMT_UNTRACED inline void publish([[maybe_unused]] char* token) {
#ifdef SIMT_TSAN
  __tsan_release(token);
#endif
}

SIMT_UNTRACED inline void observe([[maybe_unused]] char* token) {
#ifdef SIMT_TSAN
  __tsan_acquire(token);
#endif
}

}  // namespace honeybee::simt
