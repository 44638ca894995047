// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "snapshot.hpp"
#include "status.hpp"

namespace culvert::control {

/// Which metric names are told beside our own, culvert_*: those of mdlayher/wireguard_exporter always, since the
/// dashboards in the field expect them; those of MindFlavor/prometheus_wireguard_exporter on request.
enum class MetricNames : std::uint8_t { usual, both };

/// All metrics in the Prometheus text format, version 0.0.4. Label values come from the configuration (keys, allowed
/// IPs), from fixed lists (reasons, states) and from endpoints, one a peer: nobody outside can make series.
[[nodiscard]] std::string format_metrics(std::string_view interface, const DeviceSnapshot& device,
                                         const engine::EngineStatus& engine, std::uint64_t interface_drops,
                                         MetricNames names);

}  // namespace culvert::control
