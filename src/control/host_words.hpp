// SPDX-License-Identifier: MIT
// What is said over /var/run/culvert/NAME.host between `culvert` and the host half: one line of JSON each way, then the
// host half closes.
//
//     {"do":"status"}                     {"ok":true,"status":{...}}
//     {"do":"reload"}                     {"ok":true,"lines":["peer alice: added", ...]}      what was changed, in
//     words
//     {"do":"reload","dry_run":true}      the same, of what would be changed
//     {"do":"portal","minutes":10}        {"ok":true,"lines":[...]}                          0 minutes: closed again
//     {"do":"down"}                       {"ok":true,"lines":[]}                             once all is undone
//
// What cannot be done: {"ok":false,"exit":3,"error":"one sentence","lines":["FILE:LINE:COLUMN: error: ..."]}. The
// number is what `culvert` exits with: 1 failed, 3 the configuration is invalid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/result.hpp>

namespace culvert::control {

struct HostRequest {
  enum class Verb : std::uint8_t { status, reload, reload_dry_run, portal, down } verb = Verb::status;
  unsigned minutes = 0;  // of a portal: 0 to 60

  friend bool operator==(const HostRequest&, const HostRequest&) = default;
};

struct HostAnswer {
  enum class Outcome : std::uint8_t { done = 0, failed = 1, invalid = 3 } outcome = Outcome::done;
  std::string error;               // one sentence; empty when done
  std::vector<std::string> lines;  // for a person
  std::string status;              // a JSON document, of the verb `status` alone

  friend bool operator==(const HostAnswer&, const HostAnswer&) = default;
};

inline constexpr std::size_t kMostHostRequestOctets = 4096;

/// "/var/run/culvert/NAME.host".
[[nodiscard]] std::string host_socket_path(std::string_view interface);

/// One line with its end. Octets that are no UTF-8 are replaced.
[[nodiscard]] std::string to_line(const HostRequest& request);
[[nodiscard]] std::string to_line(const HostAnswer& answer);

/// \param line  with or without its end.
/// \returns the sentence why it is none. Unknown members are an error in a request, which asks for something that
///   would not happen, and are passed over in an answer.
[[nodiscard]] Result<HostRequest, std::string> parse_host_request(std::string_view line);
[[nodiscard]] Result<HostAnswer, std::string> parse_host_answer(std::string_view line);

}  // namespace culvert::control
