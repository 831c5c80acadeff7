#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct CUstream_st;

/// The part of cuBLASLt that products use, declared here: the backend neither links the library nor needs its
/// headers, it opens what the machine has. Values, signatures and structures are the same in cuBLASLt 12 and
/// 13; names follow cublasLt.h without its prefixes.
namespace honeybee::cuda::lt {

enum class Status : int {
  kSuccess = 0,
  kNotInitialized = 1,
  kAllocFailed = 3,
  kInvalidValue = 7,
  kArchMismatch = 8,
  kExecutionFailed = 13,
  kInternalError = 14,
  kNotSupported = 15,
};

/// cudaDataType. Of kE4m3 are only factors: A transposed, B not, sides and strides multiples of 16.
enum class DataType : int { kF32 = 0, kF16 = 2, kBf16 = 14, kE4m3 = 28 };

/// cublasComputeType_t; products in kF32 use no TF32.
enum class ComputeType : int { kF32 = 68 };

/// cublasOperation_t
enum class Operation : int { kNone = 0, kTranspose = 1 };

/// cublasLtMatmulDescAttributes_t, with the type that each takes.
enum class DescAttribute : int {
  kTransA = 3,        ///< Operation; kNone unless set
  kTransB = 4,        ///< Operation; kNone unless set
  kEpilogue = 7,      ///< Epilogue; kDefault unless set
  kBiasPointer = 8,   ///< const void*: a value for each row of D, on the device
  kBiasDataType = 26  ///< DataType; that of D unless set
};

enum class Epilogue : int { kDefault = 1, kBias = 4 };

/// cublasLtMatrixLayoutAttribute_t
enum class LayoutAttribute : int {
  kOrder = 1,              ///< Order; kColumn unless set
  kBatchCount = 5,         ///< int32_t; 1 unless set
  kStridedBatchOffset = 6  ///< int64_t, elements from a matrix to the next
};

enum class Order : int { kColumn = 0, kRow = 1 };

/// cublasLtMatmulPreferenceAttributes_t
enum class PreferenceAttribute : int {
  kMaxWorkspaceBytes = 1,   ///< uint64_t; 0 unless set
  kMinAlignmentBytesA = 5,  ///< uint32_t; 256 unless set. So for the next three
  kMinAlignmentBytesB = 6,
  kMinAlignmentBytesC = 7,
  kMinAlignmentBytesD = 8
};

struct Context;
struct MatmulDescription;
struct MatrixLayout;
struct MatmulPreference;
using Handle = Context*;
using Desc = MatmulDescription*;
using Layout = MatrixLayout*;
using Preference = MatmulPreference*;

/// cublasLtMatmulAlgo_t
struct Algo {
  uint64_t data[8];
};

/// cublasLtMatmulHeuristicResult_t
struct Heuristic {
  Algo algo;
  size_t workspace_bytes;  ///< what Matmul must be given for this algorithm
  Status state;            ///< kSuccess: the rest is valid
  float waves;
  int reserved[4];
};

/// The functions, as X(name, result, parameters) with names that follow "cublasLt".
/// Matmul: D = alpha · op(A) op(B) + beta · C (+ bias), alpha and beta float on the host.
#define HB_CUBLASLT_FUNCTIONS(X)                                                                             \
  X(Create, Status, (Handle * handle))                                                                       \
  X(Destroy, Status, (Handle handle))                                                                        \
  X(GetVersion, size_t, ())                                                                                  \
  X(GetCudartVersion, size_t, ())                                                                            \
  X(GetStatusString, const char*, (Status status))                                                           \
  X(MatmulDescCreate, Status, (Desc * desc, ComputeType compute, DataType scale))                            \
  X(MatmulDescDestroy, Status, (Desc desc))                                                                  \
  X(MatmulDescSetAttribute, Status, (Desc desc, DescAttribute attribute, const void* value, size_t bytes))   \
  X(MatrixLayoutCreate, Status, (Layout * layout, DataType type, uint64_t rows, uint64_t cols, int64_t ld))  \
  X(MatrixLayoutDestroy, Status, (Layout layout))                                                            \
  X(MatrixLayoutSetAttribute, Status,                                                                        \
    (Layout layout, LayoutAttribute attribute, const void* value, size_t bytes))                             \
  X(MatmulPreferenceCreate, Status, (Preference * preference))                                               \
  X(MatmulPreferenceDestroy, Status, (Preference preference))                                                \
  X(MatmulPreferenceSetAttribute, Status,                                                                    \
    (Preference preference, PreferenceAttribute attribute, const void* value, size_t bytes))                 \
  X(MatmulAlgoGetHeuristic, Status,                                                                          \
    (Handle handle, Desc desc, Layout a, Layout b, Layout c, Layout d, Preference preference, int requested, \
     Heuristic* results, int* returned))                                                                     \
  X(Matmul, Status,                                                                                          \
    (Handle handle, Desc desc, const void* alpha, const void* a, Layout a_layout, const void* b,             \
     Layout b_layout, const void* beta, const void* c, Layout c_layout, void* d, Layout d_layout,            \
     const Algo* algo, void* workspace, size_t workspace_bytes, CUstream_st* stream))

/// The library's functions under their own names: functions().Matmul(…).
struct Functions {
#define HB_CUBLASLT_POINTER(name, result, parameters) result(*name) parameters = nullptr;
  HB_CUBLASLT_FUNCTIONS(HB_CUBLASLT_POINTER)
#undef HB_CUBLASLT_POINTER
};

/// What came of looking for the library.
struct Search {
  Functions functions;             ///< null pointers if it was not found
  std::string path;                ///< of the file that is used; empty if it was not found
  size_t version = 0;              ///< 130100 for 13.1.0
  std::vector<std::string> tried;  ///< "place: why not", in the order of the search

  bool found() const { return !path.empty(); }
  /// Lines for people: the version and file in use, or all that was tried.
  std::vector<std::string> notes() const;
};

/// Looks once in the life of the process, at the first call; any thread may call. In this order: a cuBLASLt
/// that this process offers to its libraries already, HONEYBEE_CUBLASLT (a file; nothing else is tried then),
/// CUDA_PATH and CUDA_HOME, the loader's own search (LD_LIBRARY_PATH, ldconfig), /usr/local/cuda*, and the
/// packages of Python (where PyTorch brings it along) beside the first python3 on PATH, in VIRTUAL_ENV or
/// CONDA_PREFIX, of the user, and of the system. Version 13 before 12.
const Search& search();

/// The functions. Throws Error(kDevice) with all that was tried.
const Functions& functions();

/// Throws Error(kOutOfMemory) for want of memory, else Error(kDevice), naming the call and where it stands.
[[noreturn]] void fail_cublaslt(Status status, const char* call, const char* file, int line);

/// Every call that returns a Status goes through this.
#define HB_CUBLASLT(call)                                                        \
  do {                                                                           \
    const ::honeybee::cuda::lt::Status hb_status = (call);                       \
    if (hb_status != ::honeybee::cuda::lt::Status::kSuccess)                     \
      ::honeybee::cuda::lt::fail_cublaslt(hb_status, #call, __FILE__, __LINE__); \
  } while (false)

}  // namespace honeybee::cuda::lt
