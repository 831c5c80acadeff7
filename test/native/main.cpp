#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "cpu/variant.h"
#include "fixture.h"
#include "kernel_log.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

constexpr const char* kUsage =
    "usage: honeybee-native-test [--list] [--variants] [--device NAME] [--skip NAME] [--seed N] [FILTER "
    "...]\n"
    "Runs the tests whose names contain one of the filters (all without a filter).\n"
    "  --list         print the names of tests and devices\n"
    "  --variants     print which tests ran each kernel variant; one that none ran is a failure\n"
    "  --device NAME  only devices whose names contain NAME\n"
    "  --skip NAME    no test whose name contains NAME\n"
    "  --seed N       other random data\n";

struct Options {
  bool list = false;
  bool variants = false;
  std::string device;
  std::vector<std::string> filters;
  std::vector<std::string> skipped;
};

const Device* device_in_use = nullptr;

[[noreturn]] void exit_with_usage(const char* argument) {
  std::fprintf(stderr, "unknown or incomplete argument %s\n%s", argument, kUsage);
  std::exit(2);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--list") {
      options.list = true;
    } else if (argument == "--variants") {
      options.variants = true;
    } else if (argument == "--device" && has_value) {
      options.device = argv[++i];
    } else if (argument == "--skip" && has_value) {
      options.skipped.emplace_back(argv[++i]);
    } else if (argument == "--seed" && has_value) {
      Random::global_seed() = std::strtoull(argv[++i], nullptr, 10);
    } else if (argument[0] == '-') {
      exit_with_usage(argv[i]);
    } else {
      options.filters.push_back(argument);
    }
  }
  return options;
}

bool matches(const std::string& name, const Options& options) {
  const auto contained = [&](const std::string& filter) { return name.find(filter) != std::string::npos; };
  if (std::any_of(options.skipped.begin(), options.skipped.end(), contained)) return false;
  return options.filters.empty() || std::any_of(options.filters.begin(), options.filters.end(), contained);
}

// Which tests ran each variant, by the change of its counter.
class VariantLog {
 public:
  void note(const char* test) {
    for (const cpu::Variant* variant : cpu::all_variants()) {
      const uint64_t runs = variant->runs.load();
      if (runs > seen_[variant]) tests_[variant].insert(test);
      seen_[variant] = runs;
    }
  }

  /// Prints the table; returns how many variants this machine can run but no test did.
  int print() const {
    int missing = 0;
    std::printf("\n%-20s %-11s %-9s tests\n", "operation", "set", "dtype");
    for (const cpu::Variant* variant : cpu::all_variants()) {
      const auto ran = tests_.find(variant);
      std::string names;
      if (ran != tests_.end()) {
        for (const std::string& name : ran->second) names += (names.empty() ? "" : ", ") + name;
      } else if (cpu::isa_supported(variant->isa)) {
        names = "NONE, though this machine can run it";
        missing++;
      } else {
        names = "(not on this machine)";
      }
      std::printf("%-20s %-11s %-9s %s\n", variant->op, cpu::isa_name(variant->isa), variant->dtype,
                  names.c_str());
    }
    return missing;
  }

 private:
  std::map<const cpu::Variant*, uint64_t> seen_;
  std::map<const cpu::Variant*, std::set<std::string>> tests_;
};

// Says how long it took if that was long.
bool run(const std::string& name, const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  begin_test();
  try {
    body();
  } catch (const std::exception& error) {
    record_failure(name.c_str(), 0, std::string("unexpected exception: ") + error.what());
  }
  const bool ok = failure_count() == 0;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s %s", ok ? "ok    " : "FAILED", name.c_str());
  if (seconds >= 1) std::printf(" (%.1f s)", seconds);
  std::printf("\n");
  std::fflush(stdout);
  return ok;
}

int run_all(const Options& options) {
  int passed = 0;
  int failed = 0;
  VariantLog log;
  KernelLog kernels;
  const auto run_one = [&](const Test& test, const std::string& name, const std::function<void()>& body) {
    (run(name, body) ? passed : failed)++;
    log.note(test.name);
    kernels.note(test.name);
  };
  for (const Test& test : tests()) {
    if (test.plain && matches(test.name, options)) run_one(test, test.name, test.plain);
  }
  for (const Device& device : devices()) {
    if (device.name.find(options.device) == std::string::npos) continue;
    device_in_use = &device;
    std::unique_ptr<Backend> backend;
    for (const Test& test : tests()) {
      if (!test.op || !matches(test.name, options)) continue;
      run_one(test, std::string(test.name) + " on " + device.name, [&] {
        if (backend == nullptr) backend = device.make(0);
        test.op(*backend);
      });
    }
  }
  if (passed + failed == 0) std::printf("no test matches\n");
  const int missing = options.variants ? log.print() + kernels.print() : 0;
  if (missing > 0) std::printf("%d variants or kernels were not run by any test\n", missing);
  std::printf("%d passed, %d failed\n", passed, failed + missing);
  return passed == 0 || failed + missing > 0 ? 1 : 0;
}

int list_all() {
  for (const Test& test : tests()) std::printf("%s%s\n", test.name, test.op ? " (each device)" : "");
  for (const Device& device : devices()) std::printf("device %s\n", device.name.c_str());
  return 0;
}

}  // namespace

const Device& current_device() { return *device_in_use; }

}  // namespace honeybee::testing

int main(int argc, char** argv) {
  const honeybee::testing::Options options = honeybee::testing::parse(argc, argv);
  return options.list ? honeybee::testing::list_all() : honeybee::testing::run_all(options);
}
