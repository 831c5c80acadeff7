#pragma once
#include <napi.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "napi/ops_handles.h"
#include "napi/values.h"

namespace honeybee {

/// A device with the weights and caches that JavaScript put on it.
struct OpsDevice {
  explicit OpsDevice(std::unique_ptr<Backend> opened) : backend(std::move(opened)) {}

  std::unique_ptr<Backend> backend;  // outlives what was made by it
  HandleTable<Weight> weights{"weight"};
  HandleTable<KvCache> caches{"KV cache"};
};

/// One call of an operation: takes its arguments from a JavaScript object to the device by name, runs it, and
/// makes the answer. A wrong type or length is an Error(kOption) naming the argument; shapes are checked by
/// the Backend. Whatever the getters of that object do, what the call uses stays alive until it ends.
class OpCall {
 public:
  OpCall(std::shared_ptr<OpsDevice> device, const ObjectReader& arguments, int64_t repeat)
      : device_(std::move(device)), arguments_(arguments), repeat_(repeat) {}

  Backend& backend() const { return *device_->backend; }
  /// For scalars.
  const ObjectReader& arguments() const { return arguments_; }

  /// {data: Float32Array, rows, cols, dtype = "f32"}, rounded to the dtype.
  Tensor matrix(const char* name);
  /// A matrix that the operation changes: the answer of this call.
  Tensor in_place(const char* name);
  /// Float32Array [n] → f32 [1, n].
  Tensor vector(const char* name);
  /// Null where the argument is not given.
  const Tensor* vector_if_given(const char* name);
  /// Int32Array [n] → i32 [n, 1].
  Tensor indices(const char* name);
  /// Uint8Array of a multiple of `cols` → u8 [n, cols].
  Tensor bytes(const char* name, int64_t cols);
  const Weight& weight(const char* name);
  KvCache& cache(const char* name);
  /// {rowBegin, start, blocks}: Int32Arrays, see PagedBatch::set.
  const PagedBatch& batch(const char* name);
  /// [{…sampling options, sequence?, history?, banned?, allowed?, position?}] of `count` rows, see
  /// SamplingRow.
  const SamplingBatch& sampling(const char* name, int64_t count);
  /// {resizedWidth, resizedHeight, left, top, windowWidth, windowHeight} of a picture of this size.
  ResizePlan plan(Grid size) const;
  /// {height, width}
  static Grid grid(const ObjectReader& size);
  /// "f32", "bf16" or "f16".
  Dtype dtype_or(const char* name, Dtype otherwise) const;

  /// A matrix for the operation to fill: the answer of this call.
  Tensor result(int64_t rows, int64_t cols, Dtype dtype);

  /// A second answer, under a name of its own.
  Tensor second_result(const char* name, int64_t rows, int64_t cols, Dtype dtype);

  /// Runs the operation once, and then `repeat` times by the clock, each on the same arguments.
  void run(const std::function<void()>& operation);

  /// {data, rows, cols, dtype, samples: Float64Array of milliseconds}; data is a Float32Array, or of the
  /// answer's own dtype if that is u8 or i32. A second answer is such an object under its name.
  Napi::Value answer(Napi::Env env) const;

 private:
  Tensor allocate(Dtype dtype, int64_t rows, int64_t cols);
  template <class T>
  Tensor upload(const ObjectReader& from, const char* name, napi_typedarray_type type, Dtype dtype,
                int64_t rows, int64_t cols);
  Napi::Object describe(Napi::Env env, const Tensor& tensor) const;
  void restore();
  void settle() const;

  std::shared_ptr<OpsDevice> device_;
  std::vector<std::shared_ptr<void>> used_;  // handles that may be freed by a getter
  const ObjectReader& arguments_;
  int64_t repeat_;
  std::deque<Tensor> tensors_;
  std::vector<std::unique_ptr<Memory>> memory_;
  std::deque<SamplingOptions> sampling_options_;
  Tensor answer_;
  std::vector<std::pair<std::string, Tensor>> second_answers_;
  std::vector<char> original_;  // of an answer that is changed in place
  std::vector<double> samples_;
};

}  // namespace honeybee
