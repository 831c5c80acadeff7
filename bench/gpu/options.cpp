#include "options.h"

#include "core/error.h"

namespace honeybee::gpu {
namespace {

Dtype parse_dtype(const std::string& name) {
  for (const Dtype dtype :
       {Dtype::kBF16, Dtype::kF16, Dtype::kF32, Dtype::kInt8, Dtype::kInt4, Dtype::kFp8}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  fail(ErrorCode::kOption, "--weights ", name, ": expected bf16, f16, f32, int8, int4 or fp8");
}

}  // namespace

const char* const kUsage =
    "usage: honeybee-gpu-bench [7b|13b] [--device NAME] [--weights DTYPE] [--results DIR] [--commit ID] "
    "[--tiny]\n"
    "Measures a random Honeybee of the real shape: image encoding, both abstractors, prefill, decoding.\n"
    "  --device NAME    cuda (default), cuda:N, simt, cpu\n"
    "  --weights DTYPE  bf16 (default), f16, f32; int8, int4, fp8 of the decoder, beside bf16\n"
    "  --results DIR    where the table (.md) and its rows (.jsonl) go; bench/results by default\n"
    "  --commit ID      the source's version, where there is no git to ask\n"
    "  --tiny           the same rows at sizes of a few dozen, to test this program\n";

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    const auto value = [&]() -> std::string {
      require(i + 1 < argc, ErrorCode::kOption, argument, " needs a value");
      return argv[++i];
    };
    if (argument == "7b" || argument == "13b") {
      options.model = argument;
    } else if (argument == "--device") {
      options.device = value();
    } else if (argument == "--weights") {
      options.weights = parse_dtype(value());
    } else if (argument == "--results") {
      options.results = value();
    } else if (argument == "--commit") {
      options.commit = value();
    } else if (argument == "--tiny") {
      options.tiny = true;
    } else {
      fail(ErrorCode::kOption, "unknown argument ", argument);
    }
  }
  return options;
}

}  // namespace honeybee::gpu
