#include "napi/ops_call.h"

#include <algorithm>
#include <chrono>

#include "napi/spec.h"

namespace honeybee {
namespace {

constexpr int64_t kMostRows = INT32_MAX;
constexpr int64_t kMostCols = INT32_MAX;
constexpr int64_t kWidestGrid = 1 << 15;           // rows times cells stays within 64 bits
constexpr int64_t kMostValues = int64_t{1} << 40;  // of one matrix, beyond any memory

}  // namespace

Tensor OpCall::allocate(Dtype dtype, int64_t rows, int64_t cols) {
  require(rows >= 0 && cols >= 0 && (cols == 0 || rows <= kMostValues / cols), ErrorCode::kOutOfMemory,
          arguments_.path(), ": a matrix [", rows, ", ", cols, "] is beyond any memory");
  memory_.push_back(backend().allocate(static_cast<size_t>(rows * cols) * dtype_size(dtype)));
  return {memory_.back()->data(), dtype, rows, cols, cols};
}

// Values are converted on the way where T is float; otherwise `dtype` is theirs.
template <class T>
Tensor OpCall::upload(const ObjectReader& from, const char* name, napi_typedarray_type type, Dtype dtype,
                      int64_t rows, int64_t cols) {
  const Tensor tensor = allocate(dtype, rows, cols);
  const std::span<const T> values = from.elements<T>(name, type);
  require(static_cast<int64_t>(values.size()) == tensor.size(), ErrorCode::kOption, from.path(), ".", name,
          " has ", values.size(), " values, expected ", rows, " x ", cols);
  if (sizeof(T) == dtype_size(dtype)) {
    backend().upload(values.data(), tensor);
  } else if constexpr (std::is_same_v<T, float>) {
    std::vector<char> rounded(values.size() * dtype_size(dtype));
    convert_from_float(dtype, values.data(), rounded.data(), values.size());
    backend().upload(rounded.data(), tensor);
  }
  return tensor;
}

Tensor OpCall::matrix(const char* name) {
  const ObjectReader m = arguments_.object(name);
  const int64_t rows = m.integer("rows", 0, kMostRows);
  const int64_t cols = m.integer("cols", 0, kMostCols);
  const Dtype dtype = m.has("dtype") ? read_dtype(m.text("dtype")) : Dtype::kF32;
  return upload<float>(m, "data", napi_float32_array, dtype, rows, cols);
}

Tensor OpCall::in_place(const char* name) {
  answer_ = matrix(name);
  if (repeat_ > 0) {
    original_.resize(static_cast<size_t>(answer_.size()) * dtype_size(answer_.dtype));
    backend().download(answer_, original_.data());
  }
  return answer_;
}

Tensor OpCall::vector(const char* name) {
  const auto count = static_cast<int64_t>(arguments_.elements<float>(name, napi_float32_array).size());
  return upload<float>(arguments_, name, napi_float32_array, Dtype::kF32, 1, count);
}

const Tensor* OpCall::vector_if_given(const char* name) {
  if (!arguments_.has(name)) return nullptr;
  return &tensors_.emplace_back(vector(name));
}

Tensor OpCall::indices(const char* name) {
  const auto count = static_cast<int64_t>(arguments_.elements<int32_t>(name, napi_int32_array).size());
  return upload<int32_t>(arguments_, name, napi_int32_array, Dtype::kI32, count, 1);
}

Tensor OpCall::bytes(const char* name, int64_t cols) {
  const auto count = static_cast<int64_t>(arguments_.elements<uint8_t>(name, napi_uint8_array).size());
  require(count % cols == 0, ErrorCode::kOption, arguments_.path(), ".", name, " has ", count,
          " bytes, expected a multiple of ", cols);
  return upload<uint8_t>(arguments_, name, napi_uint8_array, Dtype::kU8, count / cols, cols);
}

const Weight& OpCall::weight(const char* name) {
  const std::shared_ptr<Weight> weight = device_->weights.at(arguments_.integer(name));
  used_.push_back(weight);
  return *weight;
}

KvCache& OpCall::cache(const char* name) {
  const std::shared_ptr<KvCache> cache = device_->caches.at(arguments_.integer(name));
  used_.push_back(cache);
  return *cache;
}

const PagedBatch& OpCall::batch(const char* name) {
  const ObjectReader b = arguments_.object(name);
  const auto row_begin = b.typed_array<int32_t>("rowBegin", napi_int32_array);
  const auto start = b.typed_array<int32_t>("start", napi_int32_array);
  const auto blocks = b.typed_array<int32_t>("blocks", napi_int32_array);
  const auto most = [](int64_t count) { return std::max<int64_t>(count, 1); };
  const auto sequences = static_cast<int64_t>(start.size());
  const std::shared_ptr<PagedBatch> batch =
      backend().make_batch({.sequences = most(sequences),
                            .rows = most(row_begin.empty() ? 0 : row_begin.back()),
                            .blocks = most(static_cast<int64_t>(blocks.size()))});
  batch->set(row_begin, start, blocks);
  used_.push_back(batch);
  return *batch;
}

const SamplingBatch& OpCall::sampling(const char* name, int64_t count) {
  const std::vector<ObjectReader> rows = arguments_.objects(name);
  require(static_cast<int64_t>(rows.size()) == count, ErrorCode::kOption, arguments_.path(), ".", name,
          " has ", rows.size(), " entries, expected one for each of the ", count, " rows of logits");
  std::vector<SamplingRow> list;
  for (const ObjectReader& r : rows) {
    SamplingRow& row = list.emplace_back();
    row.options = &sampling_options_.emplace_back(read_sampling(r));
    const auto tokens = [&](const char* field) -> std::span<const int32_t> {
      if (!r.has(field)) return {};
      const auto copy =
          std::make_shared<std::vector<int32_t>>(r.typed_array<int32_t>(field, napi_int32_array));
      used_.push_back(copy);
      return *copy;
    };
    row.history = tokens("history");
    row.banned = tokens("banned");
    if (r.has("allowed")) {
      const auto words =
          std::make_shared<std::vector<uint32_t>>(r.typed_array<uint32_t>("allowed", napi_uint32_array));
      used_.push_back(words);
      row.allowed = *words;
    }
    row.position = static_cast<uint64_t>(r.integer_or("position", 0));
  }
  const std::shared_ptr<SamplingBatch> batch = backend().make_sampling_batch();
  batch->set(list);
  used_.push_back(batch);
  return *batch;
}

ResizePlan OpCall::plan(Grid size) const {
  const auto side = [&](const char* name, int64_t least) {
    return static_cast<int>(arguments_.integer(name, least, kWidestGrid));
  };
  return {static_cast<int>(size.width),
          static_cast<int>(size.height),
          side("resizedWidth", 1),
          side("resizedHeight", 1),
          {side("left", 0), side("top", 0), side("windowWidth", 1), side("windowHeight", 1)}};
}

Grid OpCall::grid(const ObjectReader& size) {
  return {size.integer("height", 1, kWidestGrid), size.integer("width", 1, kWidestGrid)};
}

Dtype OpCall::dtype_or(const char* name, Dtype otherwise) const {
  return arguments_.has(name) ? read_dtype(arguments_.text(name)) : otherwise;
}

Tensor OpCall::result(int64_t rows, int64_t cols, Dtype dtype) {
  return answer_ = allocate(dtype, rows, cols);
}

Tensor OpCall::second_result(const char* name, int64_t rows, int64_t cols, Dtype dtype) {
  return second_answers_.emplace_back(name, allocate(dtype, rows, cols)).second;
}

void OpCall::restore() {
  if (!original_.empty()) backend().upload(original_.data(), answer_);
}

// Waits for devices that compute while the caller goes on: a row of the answer has reached the host.
void OpCall::settle() const {
  std::vector<char> row(static_cast<size_t>(answer_.cols) * dtype_size(answer_.dtype));
  backend().download(answer_.row_range(0, std::min<int64_t>(answer_.rows, 1)), row.data());
}

void OpCall::run(const std::function<void()>& operation) {
  using Clock = std::chrono::steady_clock;
  operation();
  for (int64_t i = 0; i < repeat_; i++) {
    restore();
    settle();
    const Clock::time_point begin = Clock::now();
    operation();
    settle();
    samples_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
}

Napi::Object OpCall::describe(Napi::Env env, const Tensor& tensor) const {
  const auto count = static_cast<size_t>(tensor.size());
  Napi::Object out = Napi::Object::New(env);
  const auto download = [&](auto data) {
    backend().download(tensor, data.Data());
    out.Set("data", data);
  };
  switch (tensor.dtype) {
    case Dtype::kF32:
      download(Napi::Float32Array::New(env, count));
      break;
    case Dtype::kI32:
      download(Napi::Int32Array::New(env, count));
      break;
    case Dtype::kU8:
      download(Napi::Uint8Array::New(env, count));
      break;
    default: {
      std::vector<char> values(count * dtype_size(tensor.dtype));
      backend().download(tensor, values.data());
      Napi::Float32Array data = Napi::Float32Array::New(env, count);
      convert_to_float(tensor.dtype, values.data(), data.Data(), count);
      out.Set("data", data);
    }
  }
  out.Set("rows", static_cast<double>(tensor.rows));
  out.Set("cols", static_cast<double>(tensor.cols));
  out.Set("dtype", dtype_name(tensor.dtype));
  return out;
}

Napi::Value OpCall::answer(Napi::Env env) const {
  Napi::Float64Array samples = Napi::Float64Array::New(env, samples_.size());
  std::copy(samples_.begin(), samples_.end(), samples.Data());
  Napi::Object out = describe(env, answer_);
  for (const auto& [name, tensor] : second_answers_) out.Set(name, describe(env, tensor));
  out.Set("samples", samples);
  return out;
}

}  // namespace honeybee
