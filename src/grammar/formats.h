#pragma once
#include <string_view>

namespace honeybee::grammar {

/// The pattern of a JSON Schema `format`, matching whole texts; null if the format is not known here.
/// Dates are real days (RFC 3339), times have an offset and no leap seconds, URIs an authority, host names at
/// most four labels: a part of what the formats allow, all of it valid.
const char* format_pattern(std::string_view format);

/// The names, for messages.
extern const char* const kFormats;

}  // namespace honeybee::grammar
