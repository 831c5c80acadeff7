#include "multiprocessor.h"

#include <algorithm>
#include <bit>
#include <string>

#include "builtins.h"
#include "fault_signals.h"
#include "kernel_fault.h"
#include "sanitizers.h"

constinit thread_local uint3 threadIdx{};
constinit thread_local uint3 blockIdx{};
constinit thread_local dim3 blockDim{};
constinit thread_local dim3 gridDim{};

namespace honeybee::simt {

constinit thread_local Multiprocessor* multiprocessor = nullptr;

namespace {

/// Tells calls in different places apart.
uint64_t place_of(const Where& where) { return uint64_t{where.line()} << 32 | where.column(); }

}  // namespace

Multiprocessor::Multiprocessor()
    : thread_storage_(std::make_unique<Thread[]>(kMaxThreads)),
      copy_storage_(std::make_unique_for_overwrite<AsyncCopy[]>(size_t{kMaxThreads} * kMaxCopies)),
      threads_(thread_storage_.get()),
      copies_(copy_storage_.get()) {}

void Multiprocessor::begin_launch(const Launch& launch, const Schedule& schedule) {
  multiprocessor = this;
  launch_ = &launch;
  schedule_ = schedule;
  statistics = {};
  running_ = nullptr;
  main_.adopt();
  catch_bad_addresses();
  const dim3 block = launch.block;
  thread_count_ = block.x * block.y * block.z;
  for (unsigned i = 0; i < thread_count_; i++) {
    Thread& thread = threads_[i];
    thread.index = {i % block.x, i / block.x % block.y, i / block.x / block.y};
    thread.warp = i / kWarp;
    thread.lane = i % kWarp;
  }
  for (; prepared_ < thread_count_; prepared_++) threads_[prepared_].fiber.prepare(thread_main, prepared_);
  gridDim = launch.grid;
  blockDim = block;
}

void Multiprocessor::reset_threads() {
  for (unsigned i = 0; i < thread_count_; i++) {
    threads_[i].state = ThreadState::kRunnable;
    threads_[i].copy_group = 0;
    threads_[i].copy_count = 0;
  }
  runnable_warps_ = 0;
  for (unsigned w = 0; w * kWarp < thread_count_; w++) {
    const unsigned lanes = std::min(kWarp, thread_count_ - w * kWarp);
    const uint32_t all = 0xffffffffu >> (kWarp - lanes);
    warps_[w].runnable = warps_[w].waiting = 0;
    warps_[w].alive = all;
    warps_[w].syncs = 0;
    make_runnable(w, all);
  }
  alive_ = thread_count_;
  arrived_ = 0;
}

void Multiprocessor::run_block(uint64_t block) {
  const dim3 grid = launch_->grid;
  blockIdx = {static_cast<unsigned>(block % grid.x), static_cast<unsigned>(block / grid.x % grid.y),
              static_cast<unsigned>(block / grid.x / grid.y)};
  random_ = RandomBits(schedule_.seed + block * 7919);
  shared_.begin_block(launch_->shared_bytes);
  reset_threads();
  fault_ = {};
  statistics.blocks++;
  statistics.threads += thread_count_;

  publish(&start_token_);
  reschedule(false);
  observe(&end_token_);

  std::string message;
  if (fault_.kind != FaultKind::kNone) {
    message = describe(fault_, launch_->kernel, *this);
    prepared_ = 0;  // the fibers stand somewhere inside the kernel
  } else {
    message = shared_.overflow();
    if (!message.empty()) message = std::string(launch_->kernel) + ": " + message;
  }
  const bool illegal = fault_.kind == FaultKind::kBadAddress;
  if (!message.empty()) throw KernelFault(message, illegal ? fault_.address : nullptr);
}

SIMT_UNTRACED void Multiprocessor::thread_main() {
  Fiber::entered();
  Multiprocessor* const self = multiprocessor;
  for (;;) {  // one turn a block
    observe(&self->start_token_);
    self->launch_->body();
    publish(&self->end_token_);
    self->exit_thread();
  }
}

SIMT_UNTRACED void Multiprocessor::exit_thread() {
  if (arrived_) fail({.kind = FaultKind::kBarrierAfterExit, .where = barrier_where_});
  suspend(ThreadState::kExited);
  Warp& own = warp();
  own.alive &= ~(1u << running_->lane);
  alive_--;
  reschedule(true);
}

SIMT_UNTRACED int Multiprocessor::barrier(bool predicate, Where where) {
  if (alive_ != thread_count_) fail({.kind = FaultKind::kBarrierAfterExit, .where = where});
  const uint64_t place = place_of(where);
  if (arrived_ == 0) {
    barrier_where_ = where;
    barrier_place_ = place;
    barrier_votes_ = 0;
  } else if (place != barrier_place_) {
    fail({.kind = FaultKind::kDivergentBarrier, .where = where});
  }
  barrier_votes_ += predicate;
  char* const token = &barrier_tokens_[barrier_phase_ % 2];
  publish(token);
  publish(&end_token_);
  running_->where = where;
  suspend(ThreadState::kAtBarrier);
  if (++arrived_ == alive_) release_barrier();
  reschedule(arrived_ != 0);
  observe(token);
  return barrier_result_;
}

SIMT_UNTRACED void Multiprocessor::release_barrier() {
  statistics.barriers++;
  barrier_phase_++;
  barrier_result_ = barrier_votes_;
  arrived_ = 0;
  for (unsigned i = 0; i < thread_count_; i++) threads_[i].state = ThreadState::kRunnable;
  for (unsigned w = 0; w * kWarp < thread_count_; w++) make_runnable(w, warps_[w].alive);
}

SIMT_UNTRACED void Multiprocessor::collective(Operation operation, uint32_t mask, void* operands,
                                              void (*execute)(Warp&, uint32_t), Where where) {
  Warp& own = warp();
  Thread& me = *running_;
  const uint32_t bit = 1u << me.lane;
  own.operations[me.lane] = operation;
  own.masks[me.lane] = mask;
  own.places[me.lane] = place_of(where);
  own.operands[me.lane] = operands;
  me.where = where;
  own.waiting |= bit;
  if (!(mask & bit)) fail({.kind = FaultKind::kLaneNotInMask, .where = where, .mask = mask});
  if (mask & ~own.alive) fail({.kind = FaultKind::kExitedLane, .where = where, .mask = mask & ~own.alive});
  if ((own.waiting & mask) != mask) {
    publish(&end_token_);
    suspend(ThreadState::kInCollective);
    reschedule(true);
    return;
  }
  for (uint32_t left = mask; left; left &= left - 1) {
    const int lane = std::countr_zero(left);
    if (own.operations[lane] != operation || own.masks[lane] != mask ||
        own.places[lane] != own.places[me.lane]) {
      fail({.kind = FaultKind::kLanesDisagree, .where = where, .mask = mask});
    }
  }
  execute(own, mask);
  statistics.collectives++;
  own.waiting &= ~mask;
  for (uint32_t left = mask; left; left &= left - 1)
    threads_[me.warp * kWarp + static_cast<unsigned>(std::countr_zero(left))].state = ThreadState::kRunnable;
  make_runnable(me.warp, mask);
  reschedule(true);
}

SIMT_UNTRACED void Multiprocessor::fail(Fault fault) {
  if (fault_.kind == FaultKind::kNone) fault_ = fault;
  publish(&end_token_);
  switch_to_main();
  __builtin_unreachable();
}

SIMT_UNTRACED AsyncCopy* Multiprocessor::copies() { return copies_ + (running_ - threads_) * kMaxCopies; }

SIMT_UNTRACED unsigned Multiprocessor::pick(uint32_t candidates) {
  if (schedule_.order == Order::kForward) return static_cast<unsigned>(std::countr_zero(candidates));
  if (schedule_.order == Order::kReverse) return static_cast<unsigned>(31 - std::countl_zero(candidates));
  const unsigned turn = random_.next() % kWarp;  // the first candidate at or after a random place
  return (static_cast<unsigned>(std::countr_zero(std::rotr(candidates, static_cast<int>(turn)))) + turn) %
         kWarp;
}

SIMT_UNTRACED void Multiprocessor::reschedule(bool same_warp) {
  unsigned w;
  if (same_warp && schedule_.order != Order::kRandom && warp().runnable) {
    w = running_->warp;
  } else if (runnable_warps_) {
    w = pick(runnable_warps_);
  } else {
    if (alive_) fail({.kind = FaultKind::kDeadlock, .where = running_->where});
    switch_to_main();
    return;
  }
  Thread& next = threads_[w * kWarp + pick(warps_[w].runnable)];
  if (&next != running_) switch_to(next);
}

SIMT_UNTRACED void Multiprocessor::switch_to(Thread& next) {
  Fiber& from = running_ ? running_->fiber : main_;
  statistics.switches++;
  running_ = &next;
  threadIdx = next.index;
  from.switch_to(next.fiber);
}

SIMT_UNTRACED void Multiprocessor::switch_to_main() {
  Thread* const from = running_;
  running_ = nullptr;
  from->fiber.switch_to(main_);
}

SIMT_UNTRACED void Multiprocessor::make_runnable(unsigned warp, uint32_t lanes) {
  warps_[warp].runnable |= lanes;
  runnable_warps_ |= 1u << warp;
}

SIMT_UNTRACED void Multiprocessor::suspend(ThreadState state) {
  running_->state = state;
  uint32_t& runnable = warps_[running_->warp].runnable;
  runnable &= ~(1u << running_->lane);
  if (!runnable) runnable_warps_ &= ~(1u << running_->warp);
}

}  // namespace honeybee::simt
