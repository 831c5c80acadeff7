#pragma once
#include <string>

#include "core/profile.h"

namespace honeybee {

/// A profile as one JSON document, {clock, wallMs, full, ops, gaps, phases} in the words of
/// lib/profile/types.ts.
std::string profile_json(const Profile& profile);

}  // namespace honeybee
