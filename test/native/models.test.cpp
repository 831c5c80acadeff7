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

ReferencePoints exact_points(const ModelConfig& config) {
  const auto cpu = make_cpu_backend({.threads = 1, .isa = cpu::Isa::kPortable});
  return watch_prompt(*cpu, config, Dtype::kF32);
}

// Fails for each point that is missing or farther from `exact` than `allowed(its name)`.
template <class Allowed>
void expect_near(const char* what, const ReferencePoints& points, const ReferencePoints& exact,
                 Allowed allowed) {
  EXPECT_EQ(points.size(), exact.size());
  for (const auto& [name, values] : exact) {
    const auto found = points.find(name);
    const double distance = found == points.end() ? NAN : relative_distance(found->second, values);
    const double bound = allowed(name);
    std::printf("  %-4s %-20s %.2g of %.2g\n", what, name.c_str(), distance, bound);
    if (distance <= bound) continue;
    std::ostringstream message;
    message << what << " " << name << " is off by " << distance << ", allowed " << bound;
    record_failure(__FILE__, __LINE__, message.str());
  }
}

// f32 as close as to the reference implementation; two-byte weights at most twice as far as the naive
// computation that rounds every result to the dtype, plus one rounding of the largest value.
void check_points(Backend& backend, const char* kind) {
  const ModelConfig config = small_model(kind);
  const ReferencePoints exact = exact_points(config);
  EXPECT_TRUE(exact.size() >= 9);
  expect_near("f32", watch_prompt(backend, config, Dtype::kF32), exact,
              [](const std::string&) { return kF32Distance; });
  const auto rounding = make_rounding_backend();
  for (const Dtype dtype : {Dtype::kBF16, Dtype::kF16}) {
    const double unit = dtype == Dtype::kBF16 ? 0x1p-8 : 0x1p-11;
    const ReferencePoints naive = watch_prompt(*rounding, config, dtype);
    expect_near(dtype_name(dtype), watch_prompt(backend, config, dtype), exact, [&](const std::string& name) {
      return 2.0 * relative_distance(naive.at(name), exact.at(name)) + unit;
    });
  }
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
  request.images.push_back({.rgb = noise_image(id), .tokens = {}});
  return request;
}

// The greedy answers of an engine to requests that it serves together, on backends that `make` makes.
std::vector<std::vector<int32_t>> answers(const ModelConfig& config, Dtype dtype,
                                          const std::function<std::unique_ptr<Backend>()>& make) {
  std::latch gate(1);
  EngineOptions options;
  options.config = config;
  options.dtypes = {dtype, dtype, dtype};
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
TEST_OP(model_engine_answers_as_the_cpu_does) {
  const auto cpu = [] { return make_cpu_backend({.threads = 1, .isa = cpu::Isa::kPortable}); };
  const auto device = [] { return current_device().make(1); };
  for (const char* kind : kProjectorKinds) {
    const ModelConfig config = small_model(kind);
    EXPECT_TRUE(answers(config, Dtype::kF32, device) == answers(config, Dtype::kF32, cpu));
  }
}

TEST_OP(model_engine_repeats_itself_in_two_bytes) {
  const auto device = [] { return current_device().make(1); };
  const ModelConfig config = small_model("c-abs");
  for (const Dtype dtype : {Dtype::kBF16, Dtype::kF16}) {
    const auto first = answers(config, dtype, device);
    EXPECT_TRUE(first == answers(config, dtype, device));
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
