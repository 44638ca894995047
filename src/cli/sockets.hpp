// SPDX-License-Identifier: MIT
// The daemon's sockets, from the side of one who asks.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "unique_fd.hpp"

namespace culvert::cli {

/// Where daemons keep their sockets; tests have folders of their own.
struct SocketFolders {
  std::string status = "/var/run/culvert";
  std::string uapi = "/var/run/wireguard";
};

/// The interfaces that have a status socket, sorted; whether somebody listens shows when it is asked.
[[nodiscard]] std::vector<std::string> interfaces_with_status(const SocketFolders& folders);

/// Connects, sends `request`, and reads until the daemon closes or, with `Ends::at_line`, until the end of a line.
/// At most 64 MiB are taken.
/// \param what  for messages: "wg0".
/// \throws Failure `not_running` when nobody listens, `permission`, or `failed` when no answer came in time.
enum class Ends : std::uint8_t { at_close, at_line };
[[nodiscard]] std::string ask_socket(const std::string& path, std::string_view what, std::string_view request,
                                     Ends ends, std::chrono::seconds within);

/// The two steps of it, for what goes on longer than an answer. Throw as `ask_socket` does.
[[nodiscard]] io::UniqueFd connect_socket(const std::string& path, std::string_view what);
void send_request(int socket, std::string_view request, std::string_view what);

/// The status document of an interface.
[[nodiscard]] std::string read_status(const SocketFolders& folders, const std::string& interface);

/// Whether a daemon of either mode serves the interface.
[[nodiscard]] bool is_running(const SocketFolders& folders, const std::string& interface);

}  // namespace culvert::cli
