#include "grammar/grammar.h"

#include "grammar/compiler.h"
#include "grammar/effort.h"
#include "grammar/regex.h"

namespace honeybee::grammar {

Grammar compile_schema(std::string_view text, const std::atomic<bool>* interrupt) {
  const Effort effort(interrupt);
  Schema schema(text);
  return std::make_shared<const Automaton>(Compiler(schema).compile());
}

Grammar compile_regex(std::string_view pattern, const std::atomic<bool>* interrupt) {
  const Effort effort(interrupt);
  Automaton automaton;
  const int32_t end = automaton.add_state(true);
  automaton.start = automaton.add_state();
  automaton.texts.emplace_back(texts_like(pattern), Writing::kPlain);
  automaton.add_text(automaton.start, 0, {end});
  require(automaton.finish(), ErrorCode::kOption, "responseFormat: no text matches the pattern");
  return std::make_shared<const Automaton>(std::move(automaton));
}

}  // namespace honeybee::grammar
