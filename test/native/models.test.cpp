// Whole models of random weights, one for each projector: every device against the CPU's portable code.
#include <cmath>
#include <latch>

#include "cpu/cpu_backend.h"
#include "engine_fixture.h"
#include "model_fixture.h"
#include "rounding_backend.h"

namespace honeybee::testing {
namespace {

constexpr uint64_t kRequests = 3;
constexpr int64_t kTokens = 8;
constexpr double kF32Distance = 1e-4;  // what the golden tests allow
constexpr double kMeanFactor = 2.0;
constexpr double kLargestFactor = 3.0;

// The same points at the same sizes.
bool expect_same_points(const ReferencePoints& points, const ReferencePoints& exact) {
  const auto sizes = [](const ReferencePoints& of) {
    std::map<std::string, size_t> list;
    for (const auto& [name, values] : of) list[name] = values.size();
    return list;
  };
  EXPECT_TRUE(sizes(points) == sizes(exact));
  return sizes(points) == sizes(exact);
}

void expect_within(const std::string& what, double distance, double allowed) {
  if (distance <= allowed) return;  // false for NaN
  std::ostringstream message;
  message << what << " is off by " << distance << ", allowed " << allowed;
  record_failure(__FILE__, __LINE__, message.str());
}

void check_f32(Backend& backend, const ModelConfig& config, const ReferencePoints& exact) {
  const ReferencePoints points = watch_prompt(backend, config, Dtype::kF32);
  if (!expect_same_points(points, exact)) return;
  for (const auto& [name, values] : exact)
    expect_within("f32 " + name, largest_distance(points.at(name), values), kF32Distance);
}

// Beside the naive computation that rounds each result to the dtype: the mean error may be twice as large, a
// single value three times as far off, plus one rounding of the largest.
void check_two_bytes(Backend& backend, const ModelConfig& config, const ReferencePoints& exact, Dtype dtype) {
  const ReferencePoints naive = watch_prompt(*make_rounding_backend(), config, dtype);
  const ReferencePoints points = watch_prompt(backend, config, dtype);
  if (!expect_same_points(points, exact)) return;
  const double unit = dtype == Dtype::kBF16 ? 0x1p-8 : 0x1p-11;
  for (const auto& [name, values] : exact) {
    const std::string what = std::string(dtype_name(dtype)) + " " + name;
    expect_within(what + " (mean)", mean_distance(points.at(name), values),
                  kMeanFactor * mean_distance(naive.at(name), values));
    expect_within(what, largest_distance(points.at(name), values),
                  kLargestFactor * largest_distance(naive.at(name), values) + unit);
  }
}

void check_points(Backend& backend, const char* kind) {
  const ModelConfig config = small_model(kind);
  const auto cpu = make_cpu_backend({.threads = 1, .isa = cpu::Isa::kPortable});
  const ReferencePoints exact = watch_prompt(*cpu, config, Dtype::kF32);
  EXPECT_TRUE(exact.size() >= 9);
  check_f32(backend, config, exact);
  check_two_bytes(backend, config, exact, Dtype::kBF16);
  check_two_bytes(backend, config, exact, Dtype::kF16);
}

// Every other request shows an image.
Request small_request(uint64_t id, const ModelConfig& config) {
  Request request;
  request.id = id;
  request.max_tokens = kTokens;
  request.ids = {1, static_cast<int32_t>(20 + id), 9};
  const bool sees = id % 2 == 0;
  if (!sees) return request;
  const ProjectorConfig& projector = *config.projector;
  request.ids.insert(request.ids.end(), static_cast<size_t>(projector.visual_tokens + projector.eos_tokens),
                     -1);
  request.ids.push_back(static_cast<int32_t>(50 + id));
  request.images.push_back({.rgb = noise_image(id), .resize = {}, .tokens = {}});
  return request;
}

std::unique_ptr<Backend> make_device() { return current_device().make(1); }

// The greedy answers of an engine to requests that it serves together, on backends that `make` makes.
std::vector<std::vector<int32_t>> answers(const ModelConfig& config, Dtype dtype,
                                          const std::function<std::unique_ptr<Backend>()>& make) {
  std::latch gate(1);
  EngineOptions options;
  options.config = config;
  options.dtypes = WeightDtypes::all(dtype);
  options.backend = make;
  options.store = [&gate] {
    gate.wait();
    return small_store();
  };
  options.kv_dtype = dtype == Dtype::kF32 ? dtype : Dtype::kBF16;
  options.context = config.text.context_length;
  options.max_sequences = kRequests;
  const auto sink = std::make_shared<Recorder>();
  Engine engine(std::move(options), sink);
  for (uint64_t id = 0; id < kRequests; id++) engine.submit(small_request(id, config), sink);
  gate.count_down();
  EXPECT_TRUE(sink->wait_ends(kRequests));
  std::vector<std::vector<int32_t>> tokens;
  for (uint64_t id = 0; id < kRequests; id++) {
    EXPECT_EQ(sink->end(id).message, std::string());
    EXPECT_EQ(sink->tokens(id).size(), static_cast<size_t>(kTokens));
    tokens.push_back(sink->tokens(id));
  }
  return tokens;
}

// Three sequences, padded to four where steps are recorded, decode together long enough to run, record and
// replay a step.
void check_engine(const char* kind) {
  const ModelConfig config = small_model(kind);
  const auto expected = answers(config, Dtype::kF32,
                                [] { return make_cpu_backend({.threads = 1, .isa = cpu::Isa::kPortable}); });
  EXPECT_TRUE(answers(config, Dtype::kF32, make_device) == expected);
  EXPECT_TRUE(expected[0] != expected[1]);
}

TEST_OP(model_engine_linear) { check_engine("linear"); }
TEST_OP(model_engine_mlp) { check_engine("mlp"); }
TEST_OP(model_engine_resampler) { check_engine("resampler"); }
TEST_OP(model_engine_c_abstractor) { check_engine("c-abs"); }
TEST_OP(model_engine_d_abstractor) { check_engine("d-abs"); }

TEST_OP(model_engine_repeats_itself_in_two_bytes) {
  const ModelConfig config = small_model("c-abs");
  for (const Dtype dtype : {Dtype::kBF16, Dtype::kF16}) {
    const auto first = answers(config, dtype, make_device);
    EXPECT_TRUE(first == answers(config, dtype, make_device));
    EXPECT_TRUE(first[0] != first[1]);
  }
}

TEST_OP(model_points_linear) { check_points(backend, "linear"); }
TEST_OP(model_points_mlp) { check_points(backend, "mlp"); }
TEST_OP(model_points_resampler) { check_points(backend, "resampler"); }
TEST_OP(model_points_c_abstractor) { check_points(backend, "c-abs"); }
TEST_OP(model_points_d_abstractor) { check_points(backend, "d-abs"); }

}  // namespace
}  // namespace honeybee::testing
