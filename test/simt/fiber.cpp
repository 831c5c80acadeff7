#include "fiber.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "sanitizers.h"

namespace honeybee::simt {

namespace {

constexpr size_t kGuard = 64 * 1024;  // so that a large frame does not step over it
#ifdef SIMT_ASAN
constexpr size_t kStack = 256 * 1024;
#else
constexpr size_t kStack = 64 * 1024;
#endif

}  // namespace

#ifndef SIMT_UCONTEXT
extern "C" void honeybee_simt_switch(void** save, void* to);
// The caller saves the other registers; rounding mode and the like are the process's own.
asm(R"(
.text
.hidden honeybee_simt_switch
.globl honeybee_simt_switch
.type honeybee_simt_switch, @function
honeybee_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size honeybee_simt_switch, . - honeybee_simt_switch
)");
#endif

Fiber::~Fiber() {
  if (!stack_) return;
#ifdef SIMT_TSAN
  if (tsan_fiber_) __tsan_destroy_fiber(tsan_fiber_);
#endif
  unpoison(stack_, kStack);
  munmap(stack_ - kGuard, kStack + kGuard);
}

void Fiber::adopt() {
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  void* bottom = nullptr;
  pthread_attr_getstack(&attributes, &bottom, &bytes_);
  pthread_attr_destroy(&attributes);
  bottom_ = bottom;
#ifdef SIMT_TSAN
  tsan_fiber_ = __tsan_get_current_fiber();
#endif
}

void Fiber::map_stack() {
  void* pages = mmap(nullptr, kStack + kGuard, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  mprotect(pages, kGuard, PROT_NONE);
  stack_ = static_cast<std::byte*>(pages) + kGuard;
  bottom_ = stack_;
  bytes_ = kStack;
}

void Fiber::prepare(void (*entry)(), unsigned index) {
  if (!stack_) map_stack();
  unpoison(stack_, kStack);  // an abandoned fiber leaves its frames poisoned
  asan_frames_ = nullptr;
#ifdef SIMT_TSAN
  if (tsan_fiber_) __tsan_destroy_fiber(tsan_fiber_);
  tsan_fiber_ = __tsan_create_fiber(0);
#endif
  std::byte* top = stack_ + kStack - (index % 32 + 1) * 192;
  top_ = top - 8;  // as after a call: the stack is aligned to 16 before the return address is pushed
#ifdef SIMT_UCONTEXT
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = static_cast<size_t>(top - stack_);
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#else
  void** frame = reinterpret_cast<void**>(top) - 2;  // 8 bytes above the entry's frame, as a call leaves them
  *frame = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; i++) *--frame = nullptr;
  stack_pointer_ = frame;
#endif
}

SIMT_UNTRACED void Fiber::switch_to(Fiber& other) {
#ifdef SIMT_ASAN
  __sanitizer_start_switch_fiber(&asan_frames_, other.bottom_, other.bytes_);
#endif
#ifdef SIMT_TSAN
  __tsan_switch_to_fiber(other.tsan_fiber_, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef SIMT_UCONTEXT
  swapcontext(&context_, &other.context_);
#else
  honeybee_simt_switch(&stack_pointer_, other.stack_pointer_);
#endif
#ifdef SIMT_ASAN
  __sanitizer_finish_switch_fiber(asan_frames_, nullptr, nullptr);
#endif
}

SIMT_UNTRACED void Fiber::entered() {
#ifdef SIMT_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

void* Fiber::emptied() {
  unpoison(stack_, kStack);
  return top_;
}

bool Fiber::guards(const void* address) const {
  const auto* byte = static_cast<const std::byte*>(address);
  return stack_ && byte >= stack_ - kGuard && byte < stack_;
}

}  // namespace honeybee::simt
