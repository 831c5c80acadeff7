#include "report.h"

#include <cstdio>
#include <filesystem>

#include "core/error.h"

namespace honeybee::gpu {
namespace {

constexpr double kGib = 0x1p30;
constexpr double kMemoryAimGib = 1.5;

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

// A number of three or four digits; "" of 0.
std::string digits(double value) {
  if (value == 0.0) return "";
  return format(value < 10.0 ? "%.3f" : value < 100.0 ? "%.1f" : "%.0f", value);
}

std::string percent(double value) { return format("%.0f %%", 100.0 * value); }

std::string aim_text(double aim) {
  if (aim == 0.0) return "";
  return aim > 0.0 ? "≥ " + percent(aim) : "≤ " + percent(-aim);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + "\"";
}

std::ofstream create(const std::string& path) {
  std::ofstream file(path, std::ios::trunc);
  require(file.good(), ErrorCode::kOption, "cannot write ", path, "; name another folder with --results");
  return file;
}

}  // namespace

Report::Report(const std::string& folder, const std::string& name, const std::string& title,
               const Machine& machine) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  path_ = folder + "/" + name;
  markdown_ = create(path_ + ".md");
  lines_ = create(path_ + ".jsonl");
  text("# " + title + "\n\n" + headline(machine) + "\n");
  json(format("{\"title\": %s, ", quoted(title).c_str()) + "\"machine\": " + quoted(headline(machine)) + "}");
}

void Report::rates(const DeviceRates& rates) {
  text(format(
      "Rates of this run: copy %.0f GB/s, read by a product of one row %.0f GB/s, product %.1f TFLOP/s.\n",
      rates.copy * 1e-9, rates.read * 1e-9, rates.product * 1e-12));
  text("| what | ms | a second | GB/s | TFLOP/s | share | aim |\n|---|---|---|---|---|---|---|");
  json(format("{\"rates\": {\"copy\": %.6g, \"read\": %.6g, \"product\": %.6g}}", rates.copy, rates.read,
              rates.product));
}

void Report::row(const Row& row) {
  rows_++;
  const double per_second = static_cast<double>(row.amount) / row.seconds;
  const std::string share = row.of.empty() ? "" : percent(row.share) + " of " + row.of;
  text("| " + row.what + " | " + digits(row.seconds * 1e3) + " | " + digits(per_second) + " " + row.unit +
       " | " + digits(row.work.bytes / row.seconds * 1e-9) + " | " +
       digits(row.work.flops / row.seconds * 1e-12) + " | " + share + " | " + aim_text(row.aim) + " |");
  json("{\"key\": " + quoted(row.key) + format(", \"count\": %lld", static_cast<long long>(row.count)) +
       ", \"what\": " + quoted(row.what) +
       format(", \"ms\": %.6g, \"perSecond\": %.6g", row.seconds * 1e3, per_second) +
       format(", \"bytes\": %.6g, \"flops\": %.6g, \"share\": %.4g", row.work.bytes, row.work.flops,
              row.share) +
       ", \"of\": " + quoted(row.of) + format(", \"aim\": %.4g}", row.aim));
}

void Report::missing(const Row& row, const std::string& why) {
  missing_++;
  text("| " + row.what + " | not measured: " + why + " | | | | | |");
  json("{\"key\": " + quoted(row.key) + format(", \"count\": %lld", static_cast<long long>(row.count)) +
       ", \"what\": " + quoted(row.what) + ", \"missing\": " + quoted(why) + "}");
}

void Report::memory(size_t used, size_t weights, size_t kv) {
  const double rest =
      (static_cast<double>(used) - static_cast<double>(weights) - static_cast<double>(kv)) / kGib;
  text(
      format("\nDevice memory in use with the largest batch: %.2f GiB = weights %.2f + KV cache %.2f + %.2f "
             "(aim ≤ %.1f).",
             static_cast<double>(used) / kGib, static_cast<double>(weights) / kGib,
             static_cast<double>(kv) / kGib, rest, kMemoryAimGib));
  json(format("{\"memory\": {\"used\": %.0f, \"weights\": %.0f, \"kv\": %.0f}}", static_cast<double>(used),
              static_cast<double>(weights), static_cast<double>(kv)));
}

void Report::text(const std::string& line) {
  markdown_ << line << std::endl;
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void Report::json(const std::string& object) { lines_ << object << std::endl; }

}  // namespace honeybee::gpu
