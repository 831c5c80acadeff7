#include "grammar/formats.h"

#include <utility>

// Written once each, as preprocessor text, because dates and times are parts of others.
#define HB_LEAP_YEAR "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
#define HB_DATE                                                                                  \
  "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)" \
  "|02-(?:0[1-9]|1\\d|2[0-8]))|" HB_LEAP_YEAR "-02-29)"
#define HB_TIME "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"
#define HB_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define HB_HOST "(?:" HB_LABEL "\\.){0,3}" HB_LABEL
#define HB_ATOM "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
#define HB_OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define HB_IPV4 HB_OCTET "(?:\\." HB_OCTET "){3}"
#define HB_URI_PART "(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
#define HB_URI_REST "(?:/" HB_URI_PART ")?(?:\\?" HB_URI_PART ")?(?:#" HB_URI_PART ")?"
#define HB_GROUP "[0-9A-Fa-f]{1,4}"

namespace honeybee::grammar {

const char* const kFormats = "date-time, date, time, uuid, email, hostname, uri, ipv4 and ipv6";

const char* format_pattern(std::string_view format) {
  static constexpr std::pair<std::string_view, const char*> kPatterns[] = {
      {"date", HB_DATE},
      {"time", HB_TIME},
      {"date-time", HB_DATE "T" HB_TIME},
      {"uuid", "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"},
      {"email", HB_ATOM "(?:\\." HB_ATOM ")*@(?:" HB_LABEL "\\.)+" HB_LABEL},
      {"hostname", HB_HOST},
      {"uri", "[A-Za-z][A-Za-z0-9+.-]{0,20}://" HB_HOST "(?::\\d{1,5})?" HB_URI_REST},
      {"ipv4", HB_IPV4},
      {"ipv6", "(?:(?:" HB_GROUP ":){7}" HB_GROUP "|(?:" HB_GROUP ":){1,7}:|(?:" HB_GROUP ":){1,6}:" HB_GROUP
               "|:(?::" HB_GROUP "){1,7}|::)"},
  };
  for (const auto& [name, pattern] : kPatterns) {
    if (name == format) return pattern;
  }
  return nullptr;
}

}  // namespace honeybee::grammar
