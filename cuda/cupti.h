#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// The part of CUPTI's activity interface that profiles use, declared here: the headers come under a licence
/// that forbids passing them on, and the backend opens what the machine has. Values, signatures and the
/// beginnings of records, of which nothing else is read, are the same in CUPTI 12 and 13; names follow
/// cupti_activity.h without its prefixes.
namespace honeybee::cuda::cupti {

/// CUptiResult
enum class Status : int { kSuccess = 0, kMaxLimitReached = 12 };

/// CUpti_ActivityKind
enum class Kind : uint32_t {
  kMemcpy = 1,
  kMemset = 2,
  kDriver = 4,
  kRuntime = 5,
  kConcurrentKernel = 10,
  kExternalCorrelation = 39
};

/// CUpti_ExternalCorrelationKind; the rest are other people's.
enum class ExternalKind : uint32_t { kCustom0 = 3 };

/// CUpti_Activity: what a record is.
struct Record {
  Kind kind;
};

/// The beginning of CUpti_ActivityKernel5 to 10. Nanoseconds; 0 if not known yet.
struct KernelRecord {
  Kind kind;
  uint8_t unused[12];
  uint64_t start;
  uint64_t end;
  uint8_t sizes[60];
  uint32_t correlation;
};
static_assert(offsetof(KernelRecord, start) == 16 && offsetof(KernelRecord, correlation) == 92);

/// The beginning of CUpti_ActivityMemcpy to Memcpy6 and of CUpti_ActivityMemset to Memset4.
struct TransferRecord {
  Kind kind;
  uint8_t unused[12];
  uint64_t start;
  uint64_t end;
  uint32_t places[3];
  uint32_t correlation;
};
static_assert(offsetof(TransferRecord, start) == 16 && offsetof(TransferRecord, correlation) == 44);

/// CUpti_ActivityExternalCorrelation: what was started under an external id has this correlation.
struct CorrelationRecord {
  Kind kind;
  ExternalKind external_kind;
  uint64_t external;
  uint32_t correlation;
  uint32_t reserved;
};
static_assert(sizeof(CorrelationRecord) == 24);

/// Called from any thread. Asks for memory that is aligned to 8 bytes; `most_records` 0: as many as fit.
using BufferRequested = void (*)(uint8_t** buffer, size_t* bytes, size_t* most_records);
/// Gives it back; `valid` bytes hold records. Context and stream mean nothing.
using BufferCompleted = void (*)(void* context, uint32_t stream, uint8_t* buffer, size_t bytes, size_t valid);

constexpr uint32_t kFlushForced = 1;  ///< buffers with records that are not complete, too

/// The functions, as X(name, parameters) with names that follow "cupti"; each returns a Status.
#define HB_CUPTI_FUNCTIONS(X)                                                          \
  X(GetVersion, (uint32_t* version))                                                   \
  X(GetTimestamp, (uint64_t* nanoseconds))                                             \
  X(ActivityRegisterCallbacks, (BufferRequested requested, BufferCompleted completed)) \
  X(ActivityEnable, (Kind kind))                                                       \
  X(ActivityDisable, (Kind kind))                                                      \
  X(ActivityFlushAll, (uint32_t flag))                                                 \
  X(ActivityGetNextRecord, (uint8_t* buffer, size_t valid, Record** record))           \
  X(ActivityGetNumDroppedRecords, (void* context, uint32_t stream, size_t* dropped))   \
  X(ActivityPushExternalCorrelationId, (ExternalKind kind, uint64_t id))               \
  X(ActivityPopExternalCorrelationId, (ExternalKind kind, uint64_t* last))

/// The library's functions under their own names.
struct Functions {
#define HB_CUPTI_POINTER(name, parameters) Status(*name) parameters = nullptr;
  HB_CUPTI_FUNCTIONS(HB_CUPTI_POINTER)
#undef HB_CUPTI_POINTER
};

/// What came of looking for the library.
struct Search {
  Functions functions;             ///< null pointers if it was not found
  std::string path;                ///< of the file that is used; empty if it was not found
  std::vector<std::string> tried;  ///< "place: why not", in the order of the search

  bool found() const { return !path.empty(); }
};

/// Opens the first of these files that is CUPTI 12 or newer, and leaves it open.
Search look(const std::vector<std::string>& paths);

/// Looks once in the life of the process, at the first call, where library_places says; HONEYBEE_CUPTI names
/// a file. Any thread may call.
const Search& search();

}  // namespace honeybee::cuda::cupti
