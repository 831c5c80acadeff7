#include "cpu/machine.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

namespace honeybee::cpu {
namespace {

// The number after `key` in a file of lines "key number" or "key: number unit".
std::optional<uint64_t> read_field(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    uint64_t value = 0;
    if (words >> word && (word == key || word == key + ":") && words >> value) return value;
  }
  return std::nullopt;
}

// The number a file starts with; none when it is absent or says "max".
std::optional<uint64_t> read_number(const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

// The folder of this process' control group: version 2 when `controller` is empty, else of that controller.
std::string control_group(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "4:cpu,cpuacct:/path" or "0::/path"
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controller.empty() ? names != ",," : names.find("," + controller + ",") == std::string::npos)
      continue;
    return "/sys/fs/cgroup" + (controller.empty() ? "" : "/" + controller) + line.substr(second + 1);
  }
  return "";
}

// Calls visit(folder) for the group and all groups above it, each of which sets its own limit.
template <class Visit>
void for_each_ancestor(std::string folder, Visit visit) {
  const std::string root = "/sys/fs/cgroup";
  while (folder.size() >= root.size()) {
    visit(folder);
    folder.resize(folder.find_last_of('/'));
  }
}

// What a group may still take: the pages of files it holds are given back before anything is killed.
size_t left_in_group(uint64_t limit, uint64_t used, const std::string& stat, const char* inactive,
                     const char* active) {
  const uint64_t files = read_field(stat, inactive).value_or(0) + read_field(stat, active).value_or(0);
  const uint64_t held = used - std::min(used, files);
  return limit - std::min(limit, held);
}

}  // namespace

int usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  const auto limit = [&](double quota, double period) {
    if (quota > 0 && period > 0) count = std::min(count, static_cast<int>(std::ceil(quota / period)));
  };
  for_each_ancestor(control_group(""), [&](const std::string& folder) {
    std::ifstream file(folder + "/cpu.max");
    double quota = 0;
    double period = 0;
    if (file >> quota >> period) limit(quota, period);
  });
  for_each_ancestor(control_group("cpu"), [&](const std::string& folder) {
    const auto quota = read_number(folder + "/cpu.cfs_quota_us");  // -1 for none is not read as a number
    const auto period = read_number(folder + "/cpu.cfs_period_us");
    if (quota && period && *quota < 1'000'000'000) limit(double(*quota), double(*period));
  });
  return std::max(count, 1);
}

size_t available_memory() {
  size_t left = std::numeric_limits<size_t>::max();
  if (const auto kib = read_field("/proc/meminfo", "MemAvailable")) left = *kib * 1024;
  for_each_ancestor(control_group(""), [&](const std::string& folder) {
    const auto limit = read_number(folder + "/memory.max");
    const auto used = read_number(folder + "/memory.current");
    if (limit && used)
      left = std::min(left,
                      left_in_group(*limit, *used, folder + "/memory.stat", "inactive_file", "active_file"));
  });
  for_each_ancestor(control_group("memory"), [&](const std::string& folder) {
    const auto limit = read_number(folder + "/memory.limit_in_bytes");
    const auto used = read_number(folder + "/memory.usage_in_bytes");
    if (limit && used)
      left = std::min(left, left_in_group(*limit, *used, folder + "/memory.stat", "total_inactive_file",
                                          "total_active_file"));
  });
  return left;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t value = line.find_first_not_of(" \t", line.find(':') + 1);
    if (value != std::string::npos) return line.substr(value);
  }
  return "unknown processor";
}

}  // namespace honeybee::cpu
