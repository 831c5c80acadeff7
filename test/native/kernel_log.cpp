#include "kernel_log.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "simt_library.h"

namespace honeybee::testing {
namespace {

constexpr const char* kNamespace = "honeybee::cuda::";
constexpr const char* kSuffix = "_kernel";

// "honeybee::cuda::rms_norm_kernel<float>" of "void honeybee::cuda::rms_norm_kernel<float>(…)"; "" for what
// is no kernel.
std::string kernel_name(const char* symbol) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  const std::string text = demangled == nullptr ? "" : demangled;
  std::free(demangled);
  const size_t begin = text.find(kNamespace);
  const size_t suffix = text.find(kSuffix);
  if (begin == std::string::npos || suffix == std::string::npos || suffix < begin) return "";
  size_t end = suffix + std::char_traits<char>::length(kSuffix);
  if (end < text.size() && text[end] != '<' && text[end] != '(') return "";
  int depth = 0;
  for (; end < text.size() && (depth > 0 || text[end] != '('); end++)
    depth += text[end] == '<' ? 1 : text[end] == '>' ? -1 : 0;
  return text.substr(begin, end - begin);
}

// The names of the functions that a shared library exports.
std::vector<std::string> exported_functions(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  const std::string image = content.str();
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(image.data());
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(image.data() + header->e_shoff);
  std::vector<std::string> names;
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_DYNSYM) continue;
    const auto* symbols = reinterpret_cast<const Elf64_Sym*>(image.data() + sections[i].sh_offset);
    const char* texts = image.data() + sections[sections[i].sh_link].sh_offset;
    for (size_t s = 0; s < sections[i].sh_size / sizeof(Elf64_Sym); s++) {
      if (ELF64_ST_TYPE(symbols[s].st_info) == STT_FUNC && symbols[s].st_shndx != SHN_UNDEF)
        names.emplace_back(texts + symbols[s].st_name);
    }
  }
  return names;
}

}  // namespace

KernelLog::KernelLog() {
  void* const symbol = simt_symbol("honeybee_simt_launches");
  Dl_info library{};
  if (symbol == nullptr || dladdr(symbol, &library) == 0) return;
  for (const std::string& function : exported_functions(library.dli_fname)) {
    const std::string kernel = kernel_name(function.c_str());
    if (!kernel.empty()) tests_[kernel];
  }
}

void KernelLog::note(const char* test) {
  if (tests_.empty()) return;
  std::istringstream lines(SIMT_FUNCTION(honeybee_simt_launches)());
  for (std::string line; std::getline(lines, line);) {
    const auto kernel = tests_.find(line.substr(0, line.find('\t')));
    if (kernel != tests_.end()) kernel->second.insert(test);
  }
  SIMT_FUNCTION(honeybee_simt_reset_launches)();
}

int KernelLog::print() const {
  int missing = 0;
  if (!tests_.empty()) std::printf("\nkernel on the simulator: tests that launched it\n");
  for (const auto& [kernel, tests] : tests_) {
    std::string names;
    for (const std::string& test : tests) names += (names.empty() ? "" : ", ") + test;
    if (tests.empty()) missing++;
    std::printf("%-90s %s\n", kernel.c_str() + std::char_traits<char>::length(kNamespace),
                tests.empty() ? "NONE" : names.c_str());
  }
  return missing;
}

}  // namespace honeybee::testing
