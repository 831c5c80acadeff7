// Written from CUPTI's documentation and the layout of its records, without the backend's declarations of
// them.
#include "cupti.h"

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace {

using Requested = void (*)(uint8_t**, size_t*, size_t*);
using Completed = void (*)(void*, uint32_t, uint8_t*, size_t, size_t);

enum Result : int { kSuccess = 0, kInvalidParameter = 1, kMaxLimitReached = 12, kInvalidOperation = 13 };
enum Kind : uint32_t { kMemcpy = 1, kMemset = 2, kDriver = 4, kRuntime = 5, kKernel = 10, kExternal = 39 };

struct __attribute__((packed, aligned(8))) Kernel {
  uint32_t kind;
  uint8_t cache_config, shared_config;
  uint16_t registers;
  uint32_t cache_requested, cache_executed;
  uint64_t start, end, completed;
  uint32_t device, context, stream;
  int32_t grid[3], block[3], static_shared, dynamic_shared;
  uint32_t local_per_thread, local_total, correlation;
  int64_t grid_id;
  const char* name;
  uint8_t rest[96];
};

struct __attribute__((packed, aligned(8))) Memcpy {
  uint32_t kind;
  uint8_t copy_kind, from, to, flags;
  uint64_t bytes, start, end;
  uint32_t device, context, stream, correlation, runtime_correlation, pad;
  uint8_t rest[48];
};

struct __attribute__((packed, aligned(8))) Memset {
  uint32_t kind, value;
  uint64_t bytes, start, end;
  uint32_t device, context, stream, correlation;
  uint16_t flags, memory_kind;
  uint32_t pad;
  uint8_t rest[32];
};

struct __attribute__((packed, aligned(8))) Call {
  uint32_t kind, callback;
  uint64_t start, end;
  uint32_t process, thread, correlation, result;
};

struct __attribute__((packed, aligned(8))) External {
  uint32_t kind, external_kind;
  uint64_t external;
  uint32_t correlation, reserved;
};

struct Buffer {
  uint8_t* data;
  size_t bytes;
  size_t valid;
};

FakeCupti fake;
std::mutex mutex;
Requested requested = nullptr;
Completed completed = nullptr;
std::set<uint32_t> enabled;
Buffer current{};
std::vector<Buffer> late;
size_t dropped = 0;
std::atomic<uint32_t> correlations{0};
thread_local std::map<uint32_t, std::vector<uint64_t>> externals;

bool fails(const char* function) {
  return std::strcmp(fake.failing, function) == 0 && fake.succeeding-- == 0;
}

// A buffer without room for one more goes to `full`.
template <class T>
void write(const T& record, std::vector<Buffer>& full) {
  if (!enabled.contains(record.kind)) return;
  if (fake.is_full) {
    dropped++;
    return;
  }
  if (current.data != nullptr && current.valid + sizeof(T) > current.bytes) {
    full.push_back(current);
    current = {};
  }
  if (current.data == nullptr) {
    size_t most = 0;
    requested(&current.data, &current.bytes, &most);
    fake.buffers_out++;
  }
  std::memcpy(current.data + current.valid, &record, sizeof(T));
  current.valid += sizeof(T);
}

// Without the lock: the client may call back.
void hand_back(const Buffer& buffer) { completed(nullptr, 0, buffer.data, buffer.bytes, buffer.valid); }

void write_work(uint32_t kind, uint64_t start, uint64_t end, std::vector<Buffer>& full) {
  const uint32_t correlation = ++correlations;
  for (const auto& [external_kind, ids] : externals) {
    if (!ids.empty()) write(External{kExternal, external_kind, ids.back(), correlation, 0}, full);
  }
  write(Call{kRuntime, 211, fake.now, fake.now + 1, 1, 1, correlation, 0}, full);
  if (kind == kKernel) {
    Kernel record{};
    record.kind = kKernel;
    record.start = start;
    record.end = end;
    record.grid[0] = record.block[0] = 32;
    record.correlation = correlation;
    record.name = "kernel";
    write(record, full);
  } else if (kind == kMemcpy) {
    Memcpy record{};
    record.kind = kMemcpy;
    record.start = start;
    record.end = end;
    record.correlation = correlation;
    record.runtime_correlation = 7;
    write(record, full);
  } else {
    Memset record{};
    record.kind = kMemset;
    record.start = start;
    record.end = end;
    record.correlation = correlation;
    write(record, full);
  }
}

void work(uint32_t kind, uint64_t start, uint64_t end) {
  std::vector<Buffer> full;
  {
    const std::lock_guard lock(mutex);
    write_work(kind, start, end, full);
    fake.buffers_out -= static_cast<int>(full.size());
  }
  for (const Buffer& buffer : full) hand_back(buffer);
}

void deliver() {
  std::vector<Buffer> buffers;
  {
    const std::lock_guard lock(mutex);
    buffers.swap(late);
    fake.buffers_out -= static_cast<int>(buffers.size());
  }
  for (const Buffer& buffer : buffers) hand_back(buffer);
}

size_t size_of(const uint8_t* record) {
  uint32_t kind = 0;
  std::memcpy(&kind, record, sizeof(kind));
  switch (kind) {
    case kKernel:
      return sizeof(Kernel);
    case kMemcpy:
      return sizeof(Memcpy);
    case kMemset:
      return sizeof(Memset);
    case kExternal:
      return sizeof(External);
    default:
      return sizeof(Call);
  }
}

}  // namespace

#define FAKE_EXPORT extern "C" __attribute__((visibility("default")))
#define FAKE_ENTRY(name)               \
  do {                                 \
    const std::lock_guard lock(mutex); \
    if (fails(name)) return 999;       \
  } while (false)

FAKE_EXPORT FakeCupti* fake_cupti() {
  fake.work = work;
  fake.deliver = deliver;
  return &fake;
}

FAKE_EXPORT int cuptiGetVersion(uint32_t* version) {
  FAKE_ENTRY("GetVersion");
  *version = fake.version;
  return kSuccess;
}

FAKE_EXPORT int cuptiGetTimestamp(uint64_t* nanoseconds) {
  FAKE_ENTRY("GetTimestamp");
  *nanoseconds = fake.now;
  return kSuccess;
}

FAKE_EXPORT int cuptiActivityRegisterCallbacks(Requested request, Completed complete) {
  FAKE_ENTRY("ActivityRegisterCallbacks");
  if (request == nullptr || complete == nullptr) return kInvalidParameter;
  requested = request;
  completed = complete;
  return kSuccess;
}

FAKE_EXPORT int cuptiActivityEnable(uint32_t kind) {
  FAKE_ENTRY("ActivityEnable");
  const std::lock_guard lock(mutex);
  if (requested == nullptr) return kInvalidOperation;
  enabled.insert(kind);
  fake.kinds_enabled = static_cast<int>(enabled.size());
  return kSuccess;
}

FAKE_EXPORT int cuptiActivityDisable(uint32_t kind) {
  FAKE_ENTRY("ActivityDisable");
  const std::lock_guard lock(mutex);
  enabled.erase(kind);
  fake.kinds_enabled = static_cast<int>(enabled.size());
  return kSuccess;
}

FAKE_EXPORT int cuptiActivityFlushAll(uint32_t flag) {
  FAKE_ENTRY("ActivityFlushAll");
  Buffer buffer{};
  {
    const std::lock_guard lock(mutex);
    if (requested == nullptr) return kInvalidOperation;
    fake.flushes++;
    if (fake.is_running && (flag & 1) == 0) return kSuccess;
    std::swap(buffer, current);
    if (buffer.data == nullptr) return kSuccess;
    if (fake.is_late) {
      late.push_back(buffer);
      return kSuccess;
    }
    fake.buffers_out--;
  }
  hand_back(buffer);
  return kSuccess;
}

FAKE_EXPORT int cuptiActivityGetNextRecord(uint8_t* buffer, size_t valid, uint8_t** record) {
  FAKE_ENTRY("ActivityGetNextRecord");
  uint8_t* const next = *record == nullptr ? buffer : *record + size_of(*record);
  if (next >= buffer + valid) return kMaxLimitReached;
  *record = next;
  return kSuccess;
}

FAKE_EXPORT int cuptiActivityGetNumDroppedRecords(void* /*context*/, uint32_t /*stream*/, size_t* count) {
  FAKE_ENTRY("ActivityGetNumDroppedRecords");
  const std::lock_guard lock(mutex);
  *count = dropped;
  dropped = 0;
  return kSuccess;
}

FAKE_EXPORT int cuptiActivityPushExternalCorrelationId(uint32_t kind, uint64_t id) {
  FAKE_ENTRY("ActivityPushExternalCorrelationId");
  externals[kind].push_back(id);
  return kSuccess;
}

FAKE_EXPORT int cuptiActivityPopExternalCorrelationId(uint32_t kind, uint64_t* last) {
  FAKE_ENTRY("ActivityPopExternalCorrelationId");
  auto& ids = externals[kind];
  if (ids.empty()) return kInvalidOperation;
  *last = ids.back();
  ids.pop_back();
  return kSuccess;
}
