#pragma once
#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

#include "grammar/automaton.h"

namespace honeybee::grammar {

/// A response format compiled; immutable, so that any number of threads may match with it.
using Grammar = std::shared_ptr<const Automaton>;

/// The compact JSON documents that satisfy a schema, given as JSON text.
/// Throws Error(kOption) naming a keyword that cannot be honoured, or saying that nothing satisfies it.
/// `interrupt` gives it up.
Grammar compile_schema(std::string_view schema, const std::atomic<bool>* interrupt = nullptr);
/// The texts that an ECMA-262 pattern matches from end to end.
Grammar compile_regex(std::string_view pattern, const std::atomic<bool>* interrupt = nullptr);

}  // namespace honeybee::grammar
