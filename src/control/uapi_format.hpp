// SPDX-License-Identifier: MIT
#pragma once

#include "secret_text.hpp"
#include "snapshot.hpp"
#include "uapi_parse.hpp"

namespace culvert::control {

/// The reply to `get=1`: the device, its peers, `errno=0`, an empty line. Holds keys.
[[nodiscard]] SecretText format_snapshot(const DeviceSnapshot& device);

/// The reply to a `set=1`, or to a `get=1` that failed: the errno and nothing else, since clients compare it as a
/// whole. \param error  0, or a positive errno. It goes out negated for `set` (`wg` calls strerror on the negated
/// number), and as it is for `get` (where `wg` reads digits only).
[[nodiscard]] SecretText format_errno(Verb verb, int error);

}  // namespace culvert::control
