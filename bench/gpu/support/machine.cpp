#include "support/machine.h"

#include <cctype>
#include <ctime>

#include "support/child.h"

namespace honeybee::gpu {
namespace {

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

std::string git_commit() {
  const std::string head = first_line({"git", "rev-parse", "--short=12", "HEAD"});
  if (head.empty()) return "unknown";
  const bool changed = !first_line({"git", "status", "--porcelain", "--untracked-files=no"}).empty();
  return changed ? head + "+changes" : head;
}

}  // namespace

Machine describe_machine(const std::string& device, const std::string& commit) {
  return {device, first_line({"nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"}), today(),
          commit.empty() ? git_commit() : commit};
}

std::string result_name(const std::string& kind, const Machine& machine) {
  std::string name = kind + "-";
  for (const char c : machine.device.substr(0, machine.device.find(','))) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (name.back() != '-') {
      name += '-';
    }
  }
  return name + (name.back() == '-' ? "" : "-") + machine.date;
}

std::string headline(const Machine& machine) {
  const std::string driver = machine.driver.empty() ? "" : ", driver " + machine.driver;
  return machine.device + driver + ", " + machine.date + ", commit " + machine.commit;
}

}  // namespace honeybee::gpu
