#include "cuda/activity.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <set>
#include <vector>

namespace honeybee::cuda {
namespace {

using cupti::ExternalKind;
using cupti::Functions;
using cupti::Kind;
using cupti::Status;

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr size_t kAlignment = 8;
// Records of work come after those of the calls that started it, but in a buffer perhaps that comes sooner;
// work of nobody who listens waits in vain.
constexpr size_t kMostWaiting = size_t{1} << 16;
// External ids come with the records of calls, so those are wanted too.
constexpr Kind kKinds[] = {Kind::kExternalCorrelation, Kind::kRuntime, Kind::kDriver,
                           Kind::kConcurrentKernel,    Kind::kMemcpy,  Kind::kMemset};

// A kernel or copy.
struct Work {
  uint32_t correlation;
  ActivitySpan span;
};

// What CUPTI told. One in the process: its callbacks say nothing of whom they are for. An external id is that
// of an activity and, in its lower half, a number.
struct Told {
  std::mutex mutex;               // of all below; CUPTI is called under it only to read a buffer
  std::set<uint32_t> activities;  // that live
  uint32_t next_id = 1;
  Functions functions;                               // while some live
  std::unordered_map<uint32_t, uint64_t> externals;  // by correlation
  std::vector<Work> waiting;                         // work whose external id is not known yet
  std::unordered_map<uint64_t, ActivitySpan> spans;  // by external id
};

// CUPTI may hand back a buffer while the process ends, when what is static has gone.
Told& told() {
  static Told& instance = *new Told;
  return instance;
}

// Of starting and stopping, which call CUPTI, whose callbacks take the other one.
std::mutex& switching() {
  static std::mutex& instance = *new std::mutex;
  return instance;
}

void request_buffer(uint8_t** buffer, size_t* bytes, size_t* most_records) {
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(kAlignment, kBufferBytes));
  *bytes = *buffer == nullptr ? 0 : kBufferBytes;
  *most_records = 0;
}

void widen(std::unordered_map<uint64_t, ActivitySpan>& spans, uint64_t external, const ActivitySpan& by) {
  const auto [found, is_new] = spans.emplace(external, by);
  if (is_new) return;
  found->second.start = std::min(found->second.start, by.start);
  found->second.end = std::max(found->second.end, by.end);
}

// Gives work to those who started it.
void settle(Told& all) {
  const auto known = [&](const Work& work) {
    const auto external = all.externals.find(work.correlation);
    if (external == all.externals.end()) return false;
    if (work.span.end != 0) widen(all.spans, external->second, work.span);
    return true;
  };
  std::erase_if(all.waiting, known);
  if (all.waiting.size() > kMostWaiting)
    all.waiting.erase(all.waiting.begin(), all.waiting.end() - kMostWaiting / 2);
}

void take(const cupti::Record& record, Told& all) {
  if (record.kind == Kind::kExternalCorrelation) {
    const auto& correlation = reinterpret_cast<const cupti::CorrelationRecord&>(record);
    const auto id = static_cast<uint32_t>(correlation.external >> 32);
    if (correlation.external_kind == ExternalKind::kCustom0 && all.activities.contains(id))
      all.externals[correlation.correlation] = correlation.external;
  } else if (record.kind == Kind::kConcurrentKernel) {
    const auto& kernel = reinterpret_cast<const cupti::KernelRecord&>(record);
    all.waiting.push_back({kernel.correlation, {kernel.start, kernel.end}});
  } else if (record.kind == Kind::kMemcpy || record.kind == Kind::kMemset) {
    const auto& transfer = reinterpret_cast<const cupti::TransferRecord&>(record);
    all.waiting.push_back({transfer.correlation, {transfer.start, transfer.end}});
  }
}

void read_buffer(uint8_t* buffer, size_t valid) {
  Told& all = told();
  const std::lock_guard lock(all.mutex);
  if (all.activities.empty() || valid == 0) return;
  cupti::Record* record = nullptr;
  while (all.functions.ActivityGetNextRecord(buffer, valid, &record) == Status::kSuccess) take(*record, all);
  settle(all);
}

// One that comes when nobody listens any more is only given back.
void complete_buffer(void* /*context*/, uint32_t /*stream*/, uint8_t* buffer, size_t /*bytes*/,
                     size_t valid) {
  try {
    read_buffer(buffer, valid);
  } catch (const std::bad_alloc&) {
    // What is not read is missing, as if it had been dropped. CUPTI could not pass an exception on.
  }
  std::free(buffer);
}

void disable(const Functions& functions, size_t count) {
  for (size_t i = count; i > 0; i--) functions.ActivityDisable(kKinds[i - 1]);
}

// All kinds or none.
bool enable(const Functions& functions) {
  if (functions.ActivityRegisterCallbacks(request_buffer, complete_buffer) != Status::kSuccess) return false;
  for (size_t i = 0; i < std::size(kKinds); i++) {
    if (functions.ActivityEnable(kKinds[i]) == Status::kSuccess) continue;
    disable(functions, i);
    return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<Activity> Activity::start(const Functions& functions) {
  uint64_t now = 0;
  if (functions.GetTimestamp(&now) != Status::kSuccess) return nullptr;
  const std::lock_guard switching_lock(switching());
  Told& all = told();
  bool first = false;
  uint32_t id = 0;
  {
    const std::lock_guard lock(all.mutex);
    first = all.activities.empty();
    id = all.next_id++;
    all.activities.insert(id);
    if (first) all.functions = functions;
  }
  if (first && !enable(functions)) {
    const std::lock_guard lock(all.mutex);
    all.activities.clear();
    return nullptr;
  }
  return std::unique_ptr<Activity>(new Activity(functions, id, now));
}

Activity::~Activity() {
  const std::lock_guard switching_lock(switching());
  Told& all = told();
  {
    const std::lock_guard lock(all.mutex);
    all.activities.erase(id_);
    if (!all.activities.empty()) return;
    all.externals = {};
    all.waiting = {};
    all.spans = {};
  }
  disable(functions_, std::size(kKinds));
  functions_.ActivityFlushAll(cupti::kFlushForced);
}

bool Activity::begin(uint32_t number) const {
  const uint64_t external = (uint64_t{id_} << 32) | number;
  return functions_.ActivityPushExternalCorrelationId(ExternalKind::kCustom0, external) == Status::kSuccess;
}

void Activity::end() const {
  uint64_t last = 0;
  functions_.ActivityPopExternalCorrelationId(ExternalKind::kCustom0, &last);
}

std::unordered_map<uint32_t, ActivitySpan> Activity::collect() const {
  // Work of others may still run, whose buffers only the second call gives back.
  for (const uint32_t flag : {uint32_t{0}, cupti::kFlushForced}) functions_.ActivityFlushAll(flag);
  std::unordered_map<uint32_t, ActivitySpan> own;
  Told& all = told();
  const std::lock_guard lock(all.mutex);
  for (const auto& [external, span] : all.spans) {
    if (external >> 32 == id_) own.emplace(static_cast<uint32_t>(external), span);
  }
  return own;
}

uint64_t Activity::dropped() const {
  size_t count = 0;
  return functions_.ActivityGetNumDroppedRecords(nullptr, 0, &count) == Status::kSuccess ? count : 0;
}

}  // namespace honeybee::cuda
