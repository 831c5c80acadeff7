// honeybee-gpu-bench: how fast this machine's GPU runs Honeybee, beside what its memory and its tensor cores
// allow.
#include <cstdio>

#include "bench.h"
#include "decoder_bench.h"
#include "vision_bench.h"

namespace honeybee::gpu {
namespace {

int bench(const Options& options) {
  const Workload workload = make_workload(options.model, options.tiny);
  const OpenDevice device = open_device(options.device);
  const Machine machine = describe_machine(describe_device(options.device), options.commit);
  const std::string format = is_quantized(options.weights) ? dtype_name(options.weights) + std::string("-") : "";
  Report report(options.results, result_name("gpu-bench-" + format + options.model, machine),
                workload.title + ", random weights in " + dtype_name(options.weights), machine);
  std::fprintf(stderr, "measuring the rates of %s\n", device.backend->description().c_str());
  const DeviceRates rates = measure_rates(*device.backend, is_quantized(options.weights) ? Dtype::kBF16 : options.weights,
                                          workload.rates);
  report.rates(rates);

  Bench bench{.backend = *device.backend,
              .device_memory = device.memory,
              .workload = workload,
              .weights = options.weights,
              .rates = rates,
              .report = report};
  VisionBench vision(bench);
  for (const int64_t images : workload.images) vision.run(images);
  DecoderBench decoder(bench);
  for (const int64_t tokens : workload.prompts) decoder.prefill(tokens);
  for (const int64_t sequences : workload.sequences) decoder.decode(sequences);
  decoder.memory();
  std::fprintf(stderr, "%s.md: %d rows, %d not measured\n", report.path().c_str(), report.rows(),
               report.missing_rows());
  return report.rows() > 0 ? 0 : 1;
}

}  // namespace
}  // namespace honeybee::gpu

int main(int argc, char** argv) {
  using namespace honeybee;
  try {
    return gpu::bench(gpu::parse_options(argc, argv));
  } catch (const Error& error) {
    std::fprintf(stderr, "honeybee-gpu-bench: %s: %s\n", error_code_name(error.code()), error.what());
    if (error.code() == ErrorCode::kOption) std::fprintf(stderr, "%s", gpu::kUsage);
    return 1;
  }
}
