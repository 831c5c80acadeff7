#include <bit>

#include "multiprocessor.h"
#include "sanitizers.h"

namespace honeybee::simt {

namespace {

struct ShuffleOperands {
  Bits16 value;
  int source;
  Bits16 result;
};

SIMT_UNTRACED void execute_shuffle(Warp& warp, uint32_t mask) {
  for (uint32_t left = mask; left; left &= left - 1) {
    auto* own = static_cast<ShuffleOperands*>(warp.operands[std::countr_zero(left)]);
    own->result = static_cast<ShuffleOperands*>(warp.operands[own->source])->value;
  }
}

struct BallotOperands {
  bool predicate;
  uint32_t result;
};

SIMT_UNTRACED void execute_ballot(Warp& warp, uint32_t mask) {
  uint32_t votes = 0;
  for (uint32_t left = mask; left; left &= left - 1) {
    const int lane = std::countr_zero(left);
    if (static_cast<BallotOperands*>(warp.operands[lane])->predicate) votes |= 1u << lane;
  }
  for (uint32_t left = mask; left; left &= left - 1)
    static_cast<BallotOperands*>(warp.operands[std::countr_zero(left)])->result = votes;
}

SIMT_UNTRACED void execute_nothing(Warp& warp, uint32_t /*mask*/) { warp.syncs++; }

}  // namespace

SIMT_UNTRACED int lane_index() { return static_cast<int>(multiprocessor->thread().lane); }

SIMT_UNTRACED int block_barrier(bool predicate, Where where) {
  return multiprocessor->barrier(predicate, where);
}

SIMT_UNTRACED void warp_barrier(uint32_t mask, Where where) {
  char* const token = multiprocessor->warp_token();
  publish(token);
  multiprocessor->collective(Operation::kSyncWarp, mask, nullptr, execute_nothing, where);
  observe(token);
}

SIMT_UNTRACED Bits16 shuffle(Operation operation, uint32_t mask, Bits16 value, int source, Where where) {
  if (!(mask >> (source & 31) & 1u)) {
    multiprocessor->fail({.kind = FaultKind::kInactiveSource, .where = where, .mask = 1u << (source & 31)});
  }
  ShuffleOperands operands{value, source, {}};
  multiprocessor->collective(operation, mask, &operands, execute_shuffle, where);
  return operands.result;
}

SIMT_UNTRACED uint32_t ballot(uint32_t mask, bool predicate, Where where) {
  BallotOperands operands{predicate, 0};
  multiprocessor->collective(Operation::kBallot, mask, &operands, execute_ballot, where);
  return operands.result;
}

}  // namespace honeybee::simt
