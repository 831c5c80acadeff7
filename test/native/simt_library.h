#pragma once
#include <optional>

#include "../simt/exports.h"
#include "testing.h"

/// Tests of the simulator itself, through what its library exports. They are there where the library is.
namespace honeybee::testing {

/// The address of an exported function; nullptr if there is no library beside this program (or at
/// HONEYBEE_SIMT_LIBRARY). Throws Error(kDevice) if the library lacks it.
void* simt_symbol(const char* name);

#define SIMT_FUNCTION(name) reinterpret_cast<decltype(&name)>(::honeybee::testing::simt_symbol(#name))

#define TEST_SIMT(name)                                                               \
  static void test_##name();                                                          \
  static const auto registration_##name =                                             \
      ::honeybee::testing::simt_symbol("honeybee_simt_launches")                      \
          ? std::make_optional<::honeybee::testing::Registration>(#name, test_##name) \
          : std::nullopt;                                                             \
  static void test_##name()

}  // namespace honeybee::testing
