#include "cuda/products.h"

#include <utility>

namespace honeybee::cuda {
namespace {

constexpr size_t kWorkspaceBytes = size_t{32} << 20;  // what NVIDIA recommends for Hopper
constexpr int kWorkspaceScratch = 3;
constexpr uint32_t kAlignment = 16;  // of x and y
// Prompts come in all lengths, each with its own shapes: beyond this many the plans are chosen anew.
constexpr size_t kMostPlans = 4096;

lt::DataType data_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBF16:
      return lt::DataType::kBf16;
    case Dtype::kF16:
      return lt::DataType::kF16;
    case Dtype::kFp8:
      return lt::DataType::kE4m3;
    default:
      return lt::DataType::kF32;
  }
}

// The descriptions that cuBLASLt wants, each destroyed by its own function.
class Description {
 public:
  Description() {
    HB_CUBLASLT(
        lt::functions().MatmulDescCreate(&desc_, lt::ComputeType::kF32, /*scale=*/lt::DataType::kF32));
  }
  ~Description() { lt::functions().MatmulDescDestroy(desc_); }
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;
  operator lt::Desc() const { return desc_; }

  template <class T>
  void set(lt::DescAttribute attribute, const T& value) const {
    HB_CUBLASLT(lt::functions().MatmulDescSetAttribute(desc_, attribute, &value, sizeof value));
  }

 private:
  lt::Desc desc_ = nullptr;
};

class MatrixView {
 public:
  // Column-major: the columns of a matrix are the rows of a tensor.
  MatrixView(Dtype dtype, int64_t rows, int64_t cols, int64_t stride) {
    HB_CUBLASLT(lt::functions().MatrixLayoutCreate(&layout_, data_type(dtype), static_cast<uint64_t>(rows),
                                                   static_cast<uint64_t>(cols), stride));
  }
  ~MatrixView() { lt::functions().MatrixLayoutDestroy(layout_); }
  MatrixView(const MatrixView&) = delete;
  MatrixView& operator=(const MatrixView&) = delete;
  operator lt::Layout() const { return layout_; }

 private:
  lt::Layout layout_ = nullptr;
};

class Preference {
 public:
  Preference() { HB_CUBLASLT(lt::functions().MatmulPreferenceCreate(&preference_)); }
  ~Preference() { lt::functions().MatmulPreferenceDestroy(preference_); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;
  operator lt::Preference() const { return preference_; }

  template <class T>
  void set(lt::PreferenceAttribute attribute, const T& value) const {
    HB_CUBLASLT(lt::functions().MatmulPreferenceSetAttribute(preference_, attribute, &value, sizeof value));
  }

 private:
  lt::Preference preference_ = nullptr;
};

}  // namespace

/// yᵀ [out, rows] = wᵀ [depth, out] transposed · xᵀ [depth, rows]: what is row-major here is the transpose,
/// column-major, there.
struct Products::Plan {
  Description operation;
  MatrixView w, x, y;
  lt::Algo algo;

  explicit Plan(const Shape& shape)
      : w(shape.factors, shape.depth, shape.outputs, shape.depth),
        x(shape.factors, shape.depth, shape.rows, shape.x_stride),
        y(shape.sums, shape.outputs, shape.rows, shape.y_stride) {
    operation.set(lt::DescAttribute::kTransA, lt::Operation::kTranspose);
    if (shape.bias) operation.set(lt::DescAttribute::kEpilogue, lt::Epilogue::kBias);
  }

  void choose(lt::Handle handle, const Shape& shape) {
    const Preference preference;
    preference.set(lt::PreferenceAttribute::kMaxWorkspaceBytes, uint64_t{kWorkspaceBytes});
    for (const auto attribute :
         {lt::PreferenceAttribute::kMinAlignmentBytesB, lt::PreferenceAttribute::kMinAlignmentBytesC,
          lt::PreferenceAttribute::kMinAlignmentBytesD})
      preference.set(attribute, kAlignment);
    lt::Heuristic best{};
    int found = 0;
    const lt::Status status =
        lt::functions().MatmulAlgoGetHeuristic(handle, operation, w, x, y, y, preference,
                                               /*requested=*/1, &best, &found);
    if (status != lt::Status::kNotSupported) HB_CUBLASLT(status);
    require(found == 1 && best.state == lt::Status::kSuccess, ErrorCode::kDevice,
            "cuBLASLt has no algorithm for ", dtype_name(shape.factors), " [", shape.rows, ", ", shape.depth,
            "] x [", shape.outputs, ", ", shape.depth, "] to ", dtype_name(shape.sums));
    algo = best.algo;
  }
};

size_t Products::ShapeHash::operator()(const Shape& shape) const {
  uint64_t hash = 0;
  for (const int64_t part : {shape.rows, shape.depth, shape.outputs, shape.x_stride, shape.y_stride,
                             static_cast<int64_t>(shape.factors), static_cast<int64_t>(shape.sums),
                             static_cast<int64_t>(shape.bias)})
    hash = (hash ^ static_cast<uint64_t>(part)) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 32);
}

Products::Products(Cuda& cuda) : cuda_(cuda) { HB_CUBLASLT(lt::functions().Create(&handle_)); }

Products::~Products() {
  plans_.clear();
  lt::functions().Destroy(handle_);
}

const Products::Plan& Products::plan(const Shape& shape) {
  const auto found = plans_.find(shape);
  if (found != plans_.end()) return *found->second;
  if (plans_.size() >= kMostPlans) plans_.clear();
  auto plan = std::make_unique<Plan>(shape);
  plan->choose(handle_, shape);
  return *(plans_[shape] = std::move(plan));
}

void Products::multiply(const Tensor& x, const void* w, const Tensor* bias, const Tensor& y,
                        bool accumulate) {
  const Plan& chosen = plan({.rows = x.rows,
                             .depth = x.cols,
                             .outputs = y.cols,
                             .x_stride = x.stride,
                             .y_stride = y.stride,
                             .factors = x.dtype,
                             .sums = y.dtype,
                             .bias = bias != nullptr});
  if (bias != nullptr)
    chosen.operation.set(lt::DescAttribute::kBiasPointer, static_cast<const void*>(bias->data));
  void* const workspace = cuda_.scratch(kWorkspaceScratch, kWorkspaceBytes);
  const float alpha = 1.0f;
  const float beta = accumulate ? 1.0f : 0.0f;
  HB_CUBLASLT(lt::functions().Matmul(handle_, chosen.operation, &alpha, w, chosen.w, x.data, chosen.x, &beta,
                                     y.data, chosen.y, y.data, chosen.y, &chosen.algo, workspace,
                                     kWorkspaceBytes, cuda_.stream));
}

}  // namespace honeybee::cuda
