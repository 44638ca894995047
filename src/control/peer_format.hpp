// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "snapshot.hpp"
#include "status.hpp"

namespace culvert::control {

/// "blocked: The peer answers, but its answer does not authenticate.", "silent for 17 s": a peer's state in words.
[[nodiscard]] std::string state_text(const engine::PeerReport& report);

/// Adds how a peer fares to its entry of the status.
void add_report(nlohmann::ordered_json& entry, const engine::PeerReport& report);

/// Who knocked and was not let in; where a network is that of a peer's endpoint, which peers it may be.
[[nodiscard]] nlohmann::ordered_json strangers_json(const engine::EngineStatus& engine, const DeviceSnapshot& device);

/// Only what happened: a table of zeros tells nobody anything.
[[nodiscard]] nlohmann::ordered_json drops_json(const engine::DropNumbers& numbers);

}  // namespace culvert::control
