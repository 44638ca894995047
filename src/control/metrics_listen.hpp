// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include <culvert/result.hpp>

#include "uapi_socket.hpp"

namespace culvert::control {

/// Opens what `observe.metrics_listen` says: "127.0.0.1:9586", "[::1]:9586" or "unix:/path/of/a/socket". No address but
/// loopback's: the page names peers and their addresses. \returns a sentence that says what to write instead.
[[nodiscard]] Result<UapiSocket, std::string> open_metrics_listener(std::string_view where);

}  // namespace culvert::control
