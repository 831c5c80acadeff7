#include "testing.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace honeybee::testing {
namespace {

constexpr int kPrintedFailures = 5;
int failures = 0;

std::vector<Test>& registry() {
  static std::vector<Test> list;
  return list;
}

}  // namespace

Registration::Registration(const char* name, void (*body)()) { registry().push_back({name, body, nullptr}); }

Registration::Registration(const char* name, void (*body)(Backend&)) {
  registry().push_back({name, nullptr, body});
}

const std::vector<Test>& tests() { return registry(); }

void record_failure(const char* file, int line, const std::string& message) {
  if (failures++ < kPrintedFailures) std::printf("  %s:%d: %s\n", file, line, message.c_str());
}

void begin_test() { failures = 0; }

int failure_count() { return failures; }

void expect_close(const char* file, int line, const std::vector<float>& actual,
                  const std::vector<double>& expected, double tolerance) {
  std::ostringstream message;
  message.precision(9);
  if (actual.size() != expected.size()) {
    message << actual.size() << " values, expected " << expected.size();
    return record_failure(file, line, message.str());
  }
  size_t wrong = 0;
  size_t worst = 0;
  double worst_error = -1.0;
  for (size_t i = 0; i < actual.size(); i++) {
    double error = std::fabs(static_cast<double>(actual[i]) - expected[i]);
    if (std::isnan(error) && !(std::isnan(actual[i]) && std::isnan(expected[i]))) error = INFINITY;
    if (error > tolerance) wrong++;
    if (error > worst_error) {
      worst = i;
      worst_error = error;
    }
  }
  if (wrong == 0) return;
  message << wrong << " of " << actual.size() << " values are off; the worst is [" << worst
          << "] = " << actual[worst] << ", expected " << expected[worst] << ": error " << worst_error
          << ", allowed " << tolerance;
  record_failure(file, line, message.str());
}

void expect_same_bits(const char* file, int line, const std::vector<float>& actual,
                      const std::vector<float>& expected) {
  std::ostringstream message;
  message.precision(9);
  if (actual.size() != expected.size()) {
    message << actual.size() << " values, expected " << expected.size();
    return record_failure(file, line, message.str());
  }
  for (size_t i = 0; i < actual.size(); i++) {
    if (std::memcmp(&actual[i], &expected[i], sizeof(float)) == 0) continue;
    message << "[" << i << "] = " << std::hexfloat << actual[i] << " differs from " << expected[i];
    return record_failure(file, line, message.str());
  }
}

void expect_error(const char* file, int line, const std::function<void()>& statement, ErrorCode code,
                  const char* substring) {
  std::ostringstream message;
  try {
    statement();
    message << "no error, expected " << error_code_name(code) << " with \"" << substring << "\"";
  } catch (const Error& error) {
    if (error.code() == code && std::strstr(error.what(), substring) != nullptr) return;
    message << "error " << error_code_name(error.code()) << " \"" << error.what() << "\", expected "
            << error_code_name(code) << " with \"" << substring << "\"";
  }
  record_failure(file, line, message.str());
}

}  // namespace honeybee::testing
