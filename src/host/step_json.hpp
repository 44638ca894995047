// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "plan.hpp"

namespace culvert::host {

/// For the journal, and for whoever shows a plan to a program: {"do":"route","to":"10.0.0.0/8","table":51820}.
[[nodiscard]] nlohmann::json to_json(const Step& step);
/// nullopt: it is no step of this version.
[[nodiscard]] std::optional<Step> step_from_json(const nlohmann::json& json);

}  // namespace culvert::host
