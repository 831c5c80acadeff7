// cuBLASLt's choice of algorithms and its product.
#include <bit>
#include <cstring>
#include <sstream>
#include <string>

#include "cublaslt_descriptors.h"
#include "cublaslt_exports.h"
#include "cublaslt_product.h"
#include "kernel_fault.h"
#include "queue.h"
#include "runtime.h"

namespace honeybee::cuda::lt {
namespace {

constexpr uint64_t kMagic = 0x686f6e6579626565;  // tells an algorithm of ours
constexpr size_t kWorkspaceAlignment = 256;

// What the simulator keeps in cublasLtMatmulAlgo_t.
struct Choice {
  uint64_t magic;
  uint64_t kind;          ///< kind_of the product it was chosen for
  uint64_t workspace;     ///< bytes
  uint32_t alignment[4];  ///< that A, B, C and D were promised to have, in bytes
  uint64_t unused[3];
};
static_assert(sizeof(Choice) == sizeof(Algo));

struct Sizes {
  uint64_t m;
  uint64_t n;
  uint64_t k;
};

bool complete(const MatrixLayout& layout) {
  const uint64_t inner = layout.order == Order::kColumn ? layout.rows : layout.cols;
  return size_of(layout.type) != 0 && layout.rows > 0 && layout.cols > 0 && layout.batch > 0 &&
         layout.ld >= 0 && static_cast<uint64_t>(layout.ld) >= inner;
}

// What Ada and Hopper ask of 8-bit factors.
bool takes_e4m3(const MatmulDescription& desc, const MatrixLayout& a, const MatrixLayout& b,
                const Sizes& sizes) {
  const bool sides = sizes.m % 16 == 0 && sizes.k % 16 == 0 && a.ld % 16 == 0 && b.ld % 16 == 0;
  const bool columns = a.order == Order::kColumn && b.order == Order::kColumn;
  return sides && columns && desc.trans_a == Operation::kTranspose && desc.trans_b == Operation::kNone;
}

Status check(Desc desc, Layout a, Layout b, Layout c, Layout d, Sizes& sizes) {
  if (desc == nullptr || a == nullptr || b == nullptr || c == nullptr || d == nullptr)
    return Status::kInvalidValue;
  for (const MatrixLayout* layout : {a, b, c, d}) {
    if (!complete(*layout) || layout->batch != d->batch) return Status::kInvalidValue;
  }
  const bool turn_a = desc->trans_a == Operation::kTranspose;
  const bool turn_b = desc->trans_b == Operation::kTranspose;
  sizes = {.m = turn_a ? a->cols : a->rows, .n = turn_b ? b->rows : b->cols, .k = turn_a ? a->rows : a->cols};
  if ((turn_b ? b->cols : b->rows) != sizes.k) return Status::kInvalidValue;
  for (const MatrixLayout* layout : {c, d}) {
    if (layout->rows != sizes.m || layout->cols != sizes.n) return Status::kInvalidValue;
  }
  const bool types = desc->compute == ComputeType::kF32 && desc->scale == DataType::kF32 &&
                     a->type == b->type && c->type == d->type && d->type != DataType::kE4m3 &&
                     (d->type == a->type || d->type == DataType::kF32);
  if (!types || (a->type == DataType::kE4m3 && !takes_e4m3(*desc, *a, *b, sizes)))
    return Status::kNotSupported;
  // Other types of bias exist only beside 8-bit factors.
  if (desc->epilogue == Epilogue::kBias && desc->bias_type.value_or(d->type) != d->type)
    return Status::kNotSupported;
  return Status::kSuccess;
}

// What a product has in common with others that the same algorithm can compute: all but sizes and addresses.
uint64_t kind_of(const MatmulDescription& desc, const MatrixLayout& a, const MatrixLayout& b,
                 const MatrixLayout& d) {
  uint64_t kind = 0;
  for (const int part : {static_cast<int>(desc.trans_a), static_cast<int>(desc.trans_b),
                         static_cast<int>(desc.epilogue), static_cast<int>(a.type), static_cast<int>(d.type),
                         static_cast<int>(a.order), static_cast<int>(b.order), static_cast<int>(d.order)})
    kind = kind * 64 + static_cast<uint64_t>(part);
  return kind;
}

bool aligned(const void* pointer, size_t bytes) { return reinterpret_cast<uintptr_t>(pointer) % bytes == 0; }

// Where a matrix lies, for all of the batch.
struct Extent {
  const char* name;
  const void* data;
  size_t bytes;
};

Extent extent_of(const char* name, const void* data, const MatrixLayout& layout) {
  const int64_t last = static_cast<int64_t>(layout.rows - 1) * layout.row_stride() +
                       static_cast<int64_t>(layout.cols - 1) * layout.col_stride() +
                       (layout.batch - 1) * layout.batch_stride;
  return {name, data, static_cast<size_t>(last + 1) * size_of(layout.type)};
}

// The product would read or write what is not there.
void require_device_memory(const Extent& extent) {
  const simt::Allocation* allocation = simt::runtime().heap.find(extent.data);
  if (allocation != nullptr && allocation->holds(extent.data, extent.bytes)) return;
  std::ostringstream text;
  text << "cublasLtMatmul: " << extent.name << " takes " << extent.bytes << " bytes from "
       << simt::runtime().heap.describe(extent.data);
  throw simt::KernelFault(text.str());
}

simt::MatrixView view_of(const void* data, const MatrixLayout& layout, Operation operation, int32_t batch) {
  const int64_t offset = batch * layout.batch_stride * static_cast<int64_t>(size_of(layout.type));
  simt::MatrixView view{static_cast<char*>(const_cast<void*>(data)) + offset, layout.type,
                        layout.row_stride(), layout.col_stride()};
  if (operation == Operation::kTranspose) std::swap(view.row_stride, view.col_stride);
  return view;
}

// All that a queued product needs; the caller's descriptors may be gone when it runs.
struct Call {
  MatmulDescription desc;
  MatrixLayout a_layout, b_layout, c_layout, d_layout;
  Sizes sizes;
  const void *a, *b, *c;
  void *d, *workspace;
  size_t workspace_bytes;
  float alpha, beta;

  void run() const {
    require_device_memory(extent_of("A", a, a_layout));
    require_device_memory(extent_of("B", b, b_layout));
    require_device_memory(extent_of("D", d, d_layout));
    if (beta != 0) require_device_memory(extent_of("C", c, c_layout));
    const bool has_bias = desc.epilogue == Epilogue::kBias;
    if (has_bias) require_device_memory({"the bias", desc.bias, sizes.m * size_of(d_layout.type)});
    if (workspace_bytes > 0) {
      require_device_memory({"the workspace", workspace, workspace_bytes});
      std::memset(workspace, 0xff, workspace_bytes);  // an algorithm leaves anything there
    }
    for (int32_t i = 0; i < d_layout.batch; i++) {
      simt::multiply({.m = static_cast<int64_t>(sizes.m),
                      .n = static_cast<int64_t>(sizes.n),
                      .k = static_cast<int64_t>(sizes.k),
                      .alpha = alpha,
                      .beta = beta,
                      .a = view_of(a, a_layout, desc.trans_a, i),
                      .b = view_of(b, b_layout, desc.trans_b, i),
                      .c = view_of(c, c_layout, Operation::kNone, i),
                      .d = view_of(d, d_layout, Operation::kNone, i),
                      .bias = {has_bias ? const_cast<void*>(desc.bias) : nullptr, d_layout.type, 1, 0}});
    }
  }
};

}  // namespace

Status cublasLtMatmulAlgoGetHeuristic(Handle handle, Desc desc, Layout a, Layout b, Layout c, Layout d,
                                      Preference preference, int requested, Heuristic* results,
                                      int* returned) {
  Sizes sizes{};
  if (handle == nullptr || preference == nullptr || requested < 1 || results == nullptr ||
      returned == nullptr)
    return Status::kInvalidValue;
  *returned = 0;
  if (const Status status = check(desc, a, b, c, d, sizes); status != Status::kSuccess) return status;
  // Room for partial sums, as an algorithm that splits k wants it, where it is allowed.
  const uint64_t partial_sums = sizes.m * sizes.n * sizeof(float);
  Choice choice{.magic = kMagic,
                .kind = kind_of(*desc, *a, *b, *d),
                .workspace = partial_sums <= preference->max_workspace ? partial_sums : 0,
                .alignment = {},
                .unused = {}};
  std::memcpy(choice.alignment, preference->alignment, sizeof choice.alignment);
  results[0] = {.algo = std::bit_cast<Algo>(choice),
                .workspace_bytes = choice.workspace,
                .state = Status::kSuccess,
                .waves = 1,
                .reserved = {}};
  *returned = 1;
  return Status::kSuccess;
}

Status cublasLtMatmul(Handle handle, Desc desc, const void* alpha, const void* a, Layout a_layout,
                      const void* b, Layout b_layout, const void* beta, const void* c, Layout c_layout,
                      void* d, Layout d_layout, const Algo* algo, void* workspace, size_t workspace_bytes,
                      cudaStream_t stream) {
  Sizes sizes{};
  if (const Status status = check(desc, a_layout, b_layout, c_layout, d_layout, sizes);
      status != Status::kSuccess)
    return status;
  for (const void* pointer :
       {static_cast<const void*>(handle), alpha, a, b, beta, c, static_cast<const void*>(d)}) {
    if (pointer == nullptr) return Status::kInvalidValue;
  }
  if (desc->epilogue == Epilogue::kBias && desc->bias == nullptr) return Status::kInvalidValue;
  if (c == d && !(*c_layout == *d_layout)) return Status::kInvalidValue;
  if (workspace_bytes > 0 && !aligned(workspace, kWorkspaceAlignment)) return Status::kInvalidValue;

  // Without an algorithm the library chooses one for just these addresses.
  Choice choice{};
  const void* const pointers[] = {a, b, c, d};
  const Layout layouts[] = {a_layout, b_layout, c_layout, d_layout};
  if (algo != nullptr) {
    choice = std::bit_cast<Choice>(*algo);
    if (choice.magic != kMagic) return Status::kInvalidValue;
    if (choice.kind != kind_of(*desc, *a_layout, *b_layout, *d_layout)) return Status::kNotSupported;
    if (choice.workspace > workspace_bytes || (choice.workspace > 0 && workspace == nullptr))
      return Status::kInvalidValue;
  }
  for (int i = 0; i < 4; i++) {
    const size_t bytes = std::max(size_of(layouts[i]->type), size_t{choice.alignment[i]});
    if (!aligned(pointers[i], bytes)) return Status::kInvalidValue;
  }

  const Call call{.desc = *desc,
                  .a_layout = *a_layout,
                  .b_layout = *b_layout,
                  .c_layout = *c_layout,
                  .d_layout = *d_layout,
                  .sizes = sizes,
                  .a = a,
                  .b = b,
                  .c = c,
                  .d = d,
                  .workspace = workspace,
                  .workspace_bytes = choice.workspace,
                  .alpha = *static_cast<const float*>(alpha),
                  .beta = *static_cast<const float*>(beta)};
  const cudaError_t status = simt::try_enqueue(stream, "cublasLtMatmul", [call] { call.run(); });
  if (status == cudaErrorMemoryAllocation) return Status::kAllocFailed;
  return status == cudaSuccess ? Status::kSuccess : Status::kExecutionFailed;
}

}  // namespace honeybee::cuda::lt
