// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "difference.hpp"
#include "half_protocol.hpp"
#include "host_words.hpp"

namespace culvert::daemon {

/// What those who follow the events hear of a reload: how many peers came, went and changed, and what differs, as much
/// of it as a message holds; or why it was refused. Pure; any thread.
/// \param answer  to whoever asked for it; of a refusal its error, and the first of its lines, are told.
[[nodiscard]] half::Reload reload_news(const std::vector<config::Difference>& differences,
                                       const control::HostAnswer& answer);

}  // namespace culvert::daemon
