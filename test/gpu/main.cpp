// honeybee-gpu-check: whether honeybee computes on this machine's GPU what it computes on the CPU. Needs no
// Node; runs honeybee-native-test beside it, in processes of their own, so that a broken GPU context ends a
// test and not the check.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "goldens.h"
#include "native_tests.h"
#include "sanitizer.h"
#include "support/device.h"

namespace honeybee::gpu {
namespace {

constexpr const char* kUsage =
    "usage: honeybee-gpu-check [--device NAME] [--results DIR] [--commit ID] [FILTER ...]\n"
    "Runs every test of operations and whole models on the device, then the quick ones under "
    "compute-sanitizer.\n"
    "  --device NAME  cuda (default), simt, cpu\n"
    "  --results DIR  where the table goes; bench/results by default\n"
    "  --commit ID    the source's version, where there is no git to ask\n"
    "  FILTER         only tests whose names contain one of these\n";

// Together four minutes.
constexpr double kTestSeconds = 100.0;
constexpr double kSanitizerSeconds = 35.0;
constexpr double kGoldenSeconds = 35.0;

struct Options {
  std::string device = "cuda";
  std::string results = "bench/results";
  std::string commit;
  std::vector<std::string> filters;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    const auto value = [&]() -> std::string {
      require(i + 1 < argc, ErrorCode::kOption, argument, " needs a value");
      return argv[++i];
    };
    if (argument == "--device") {
      options.device = value();
    } else if (argument == "--results") {
      options.results = value();
    } else if (argument == "--commit") {
      options.commit = value();
    } else {
      require(!argument.starts_with("-"), ErrorCode::kOption, "unknown argument ", argument);
      options.filters.push_back(argument);
    }
  }
  return options;
}

// The tests that a filter names, those of whole models or the others.
std::vector<std::string> choose(const std::vector<std::string>& names, const Options& options, bool models) {
  std::vector<std::string> chosen;
  for (const std::string& name : names) {
    const auto fits = [&](const std::string& filter) { return name.find(filter) != std::string::npos; };
    if (name.starts_with("model_") != models) continue;
    if (options.filters.empty() || std::ranges::any_of(options.filters, fits)) chosen.push_back(name);
  }
  return chosen;
}

std::vector<Outcome> check_all(const Options& options) {
  const std::vector<std::string> names = list_device_tests();
  std::vector<Outcome> outcomes;
  const auto add = [&](const Outcome& outcome) {
    std::fprintf(stderr, "%s: %d passed, %d failed (%.1f s) %s\n", outcome.check.c_str(), outcome.passed,
                 outcome.failed, outcome.seconds, outcome.note.c_str());
    outcomes.push_back(outcome);
  };
  std::map<std::string, double> times;
  std::map<std::string, double> model_times;
  add(check_tests("operations", options.device, choose(names, options, false), kTestSeconds, times));
  add(check_tests("whole models", options.device, choose(names, options, true), kTestSeconds / 2,
                  model_times));
  for (const char* tool : {"memcheck", "racecheck", "synccheck"})
    add(check_sanitizer(tool, options.device, times, kSanitizerSeconds));
  if (options.filters.empty()) add(check_goldens(options.device, kGoldenSeconds));
  return outcomes;
}

void write_page(const std::string& folder, const std::string& name, const std::string& text) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const std::string path = folder + "/" + name + ".md";
  std::ofstream file(path, std::ios::trunc);
  file << text;
  file.flush();
  require(file.good(), ErrorCode::kOption, "cannot write ", path, "; name another folder with --results");
  std::fprintf(stderr, "%s\n", path.c_str());
}

int check(const Options& options) {
  const Machine machine = describe_machine(describe_device(options.device), options.commit);
  const std::vector<Outcome> outcomes = check_all(options);
  const std::string text = page(machine, outcomes) + "\n" + closing_line(outcomes) + "\n";
  std::printf("%s", text.c_str());
  write_page(options.results, result_name("gpu-check", machine), text);
  return all_passed(outcomes) ? 0 : 1;
}

}  // namespace
}  // namespace honeybee::gpu

int main(int argc, char** argv) {
  using namespace honeybee;
  try {
    return gpu::check(gpu::parse(argc, argv));
  } catch (const Error& error) {
    std::fprintf(stderr, "honeybee-gpu-check: %s: %s\n", error_code_name(error.code()), error.what());
    if (error.code() == ErrorCode::kOption) std::fprintf(stderr, "%s", gpu::kUsage);
    std::printf("0 passed, 1 failed\n");
    return 1;
  }
}
