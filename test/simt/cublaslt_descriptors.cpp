// Creation, destruction and attributes of cuBLASLt's descriptors.
#include "cublaslt_descriptors.h"

#include <cstring>

#include "cublaslt_exports.h"
#include "runtime.h"

namespace honeybee::cuda::lt {
namespace {

void count_descriptor(int64_t change) {
  const std::scoped_lock lock(simt::runtime().mutex);
  simt::runtime().descriptors += change;
}

template <class T>
Status create(T** pointer, const T& value) {
  if (pointer == nullptr) return Status::kInvalidValue;
  *pointer = new T(value);
  count_descriptor(1);
  return Status::kSuccess;
}

template <class T>
Status destroy(T* pointer) {
  if (pointer == nullptr) return Status::kInvalidValue;
  delete pointer;
  count_descriptor(-1);
  return Status::kSuccess;
}

// Reads an attribute of exactly T's size.
template <class T>
Status read(T& target, const void* value, size_t bytes) {
  if (value == nullptr || bytes != sizeof(T)) return Status::kInvalidValue;
  std::memcpy(&target, value, sizeof(T));
  return Status::kSuccess;
}

// The same for an enumeration of which the backend may use only `known`.
template <class T>
Status read_one_of(T& target, const void* value, size_t bytes, std::initializer_list<T> known) {
  T wanted{};
  if (const Status status = read(wanted, value, bytes); status != Status::kSuccess) return status;
  for (const T one : known) {
    if (wanted != one) continue;
    target = wanted;
    return Status::kSuccess;
  }
  return Status::kInvalidValue;
}

}  // namespace

Status cublasLtCreate(Handle* handle) {
  if (handle == nullptr) return Status::kInvalidValue;
  const cudaError_t ready = simt::api(simt::Call::kOther, [] { return cudaSuccess; });
  return ready == cudaSuccess ? create(handle, Context{}) : Status::kNotInitialized;
}

Status cublasLtDestroy(Handle handle) { return destroy(handle); }

size_t cublasLtGetVersion() { return 130100; }

size_t cublasLtGetCudartVersion() { return simt::kRuntimeVersion; }

const char* cublasLtGetStatusString(Status status) {
  switch (status) {
    case Status::kSuccess:
      return "CUBLAS_STATUS_SUCCESS";
    case Status::kNotInitialized:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case Status::kAllocFailed:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case Status::kInvalidValue:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case Status::kArchMismatch:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case Status::kExecutionFailed:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case Status::kInternalError:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case Status::kNotSupported:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}

Status cublasLtMatmulDescCreate(Desc* desc, ComputeType compute, DataType scale) {
  return create(desc, {.compute = compute, .scale = scale});
}

Status cublasLtMatmulDescDestroy(Desc desc) { return destroy(desc); }

Status cublasLtMatmulDescSetAttribute(Desc desc, DescAttribute attribute, const void* value, size_t bytes) {
  if (desc == nullptr) return Status::kInvalidValue;
  switch (attribute) {
    case DescAttribute::kTransA:
      return read_one_of(desc->trans_a, value, bytes, {Operation::kNone, Operation::kTranspose});
    case DescAttribute::kTransB:
      return read_one_of(desc->trans_b, value, bytes, {Operation::kNone, Operation::kTranspose});
    case DescAttribute::kEpilogue:
      return read_one_of(desc->epilogue, value, bytes, {Epilogue::kDefault, Epilogue::kBias});
    case DescAttribute::kBiasPointer:
      return read(desc->bias, value, bytes);
    case DescAttribute::kBiasDataType: {
      DataType type{};
      const Status status =
          read_one_of(type, value, bytes, {DataType::kF32, DataType::kF16, DataType::kBf16});
      if (status == Status::kSuccess) desc->bias_type = type;
      return status;
    }
  }
  return Status::kInvalidValue;
}

Status cublasLtMatrixLayoutCreate(Layout* layout, DataType type, uint64_t rows, uint64_t cols, int64_t ld) {
  return create(layout, {.type = type, .rows = rows, .cols = cols, .ld = ld});
}

Status cublasLtMatrixLayoutDestroy(Layout layout) { return destroy(layout); }

Status cublasLtMatrixLayoutSetAttribute(Layout layout, LayoutAttribute attribute, const void* value,
                                        size_t bytes) {
  if (layout == nullptr) return Status::kInvalidValue;
  switch (attribute) {
    case LayoutAttribute::kOrder:
      return read_one_of(layout->order, value, bytes, {Order::kColumn, Order::kRow});
    case LayoutAttribute::kBatchCount:
      return read(layout->batch, value, bytes);
    case LayoutAttribute::kStridedBatchOffset:
      return read(layout->batch_stride, value, bytes);
  }
  return Status::kInvalidValue;
}

Status cublasLtMatmulPreferenceCreate(Preference* preference) { return create(preference, {}); }

Status cublasLtMatmulPreferenceDestroy(Preference preference) { return destroy(preference); }

Status cublasLtMatmulPreferenceSetAttribute(Preference preference, PreferenceAttribute attribute,
                                            const void* value, size_t bytes) {
  if (preference == nullptr) return Status::kInvalidValue;
  switch (attribute) {
    case PreferenceAttribute::kMaxWorkspaceBytes:
      return read(preference->max_workspace, value, bytes);
    case PreferenceAttribute::kMinAlignmentBytesA:
      return read(preference->alignment[0], value, bytes);
    case PreferenceAttribute::kMinAlignmentBytesB:
      return read(preference->alignment[1], value, bytes);
    case PreferenceAttribute::kMinAlignmentBytesC:
      return read(preference->alignment[2], value, bytes);
    case PreferenceAttribute::kMinAlignmentBytesD:
      return read(preference->alignment[3], value, bytes);
  }
  return Status::kInvalidValue;
}

}  // namespace honeybee::cuda::lt
