#include "fault_signals.h"

#include <signal.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "multiprocessor.h"
#include "sanitizers.h"

namespace honeybee::simt {

namespace {

struct sigaction previous_segv, previous_bus;
constinit thread_local Fault noted;

/// Runs on the faulting thread's emptied stack, outside the signal handler.
SIMT_UNTRACED void report() { multiprocessor->fail(noted); }

/// Lets the interrupted thread continue in `report`. False on a processor that nobody has described here.
bool continue_in_report([[maybe_unused]] void* context, [[maybe_unused]] void* stack_top) {
#if defined(__x86_64__)
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  registers[REG_RSP] = reinterpret_cast<greg_t>(stack_top);
  registers[REG_RIP] = reinterpret_cast<greg_t>(&report);
  return true;
#elif defined(__aarch64__)
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  machine.sp = reinterpret_cast<uintptr_t>(stack_top) & ~uintptr_t{15};
  machine.pc = reinterpret_cast<uintptr_t>(&report);
  return true;
#else
  return false;
#endif
}

void on_signal(int number, siginfo_t* info, void* context) {
  if (multiprocessor && multiprocessor->in_kernel()) {
    Fiber& fiber = multiprocessor->thread().fiber;
    const bool overflow = fiber.guards(info->si_addr);
    noted = {.kind = overflow ? FaultKind::kStackOverflow : FaultKind::kBadAddress, .address = info->si_addr};
    if (continue_in_report(context, fiber.emptied())) return;
  }
  const struct sigaction& previous = number == SIGSEGV ? previous_segv : previous_bus;
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(number);
  } else {
    signal(number, SIG_DFL);  // the access is repeated and ends the process as it would have
  }
}

/// The stack for signal handlers: one that overflowed cannot hold them.
struct SignalStack {
  static constexpr size_t kBytes = 64 * 1024;
  std::unique_ptr<std::byte[]> memory;

  SignalStack() {
    stack_t present{};
    sigaltstack(nullptr, &present);
    if (!(present.ss_flags & SS_DISABLE)) return;
    memory = std::make_unique<std::byte[]>(kBytes);
    const stack_t stack{.ss_sp = memory.get(), .ss_flags = 0, .ss_size = kBytes};
    sigaltstack(&stack, nullptr);
  }
  ~SignalStack() {
    if (!memory) return;
    const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    sigaltstack(&none, nullptr);
  }
};

}  // namespace

void catch_bad_addresses() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action{};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &previous_segv);
    sigaction(SIGBUS, &action, &previous_bus);
  });
  static thread_local SignalStack stack;
  static_cast<void>(stack);
}

}  // namespace honeybee::simt
