// SPDX-License-Identifier: MIT
// What the daemon's status socket tells (see control/status_format.hpp), as values. What a daemon does not tell stays
// empty: an older or newer daemon can be asked as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <culvert/result.hpp>

namespace culvert::cli {

struct PeerStatus {
  std::string public_key;       // base64
  std::string name;             // empty: the daemon knows none
  std::string endpoint;         // empty: unknown
  std::string endpoint_origin;  // configured, handshake, roamed; empty: not told
  std::vector<std::string> allowed_ips;
  std::int64_t latest_handshake = 0;  // Unix seconds; 0: never
  std::uint64_t received = 0, sent = 0;
  struct Total {
    std::uint64_t received = 0, sent = 0;
    std::int64_t since = 0;  // Unix seconds
  };
  std::optional<Total> total;              // restarts of the daemon included
  std::uint32_t persistent_keepalive = 0;  // seconds; 0: off
  std::string state;                       // the daemon's plain words for it, such as "up"; empty: not told
  std::string state_name;                  // one word: up, silent, waiting, idle, never_connected, link_down, blocked
  std::string problem;                     // the last one, in words
  std::string advice;                      // what to do about it
  std::int64_t problem_at = 0;             // Unix seconds
  std::optional<double> round_trip_ms;
  /// Data packets that the peer numbered and that never came, of the sessions that live.
  struct LossHere {
    std::uint64_t lost = 0, of = 0;
    std::int64_t seconds = 0;
  };
  std::optional<LossHere> loss_here;
  std::optional<std::int64_t> session_age;                     // seconds
  std::uint64_t handshakes_sent = 0, handshakes_answered = 0;  // ours
};

/// Somebody who spoke to us and was not let in.
struct Stranger {
  std::string public_key;  // that no peer has; empty: it holds another public key for us, and so shows none
  std::string from;
};

/// Something of this machine that keeps a tunnel from working, which the daemon cannot know.
struct HostProblem {
  std::string text, advice;
};

/// What the host half of an interface that a file configures tells.
struct HostStatus {
  std::string config;  // its file
  std::int64_t up_seconds = 0;
  std::uint64_t restarts = 0;  // of the packet half
  bool kill_switch = false;
  std::optional<std::int64_t> portal_seconds;  // for so long the kill switch lets a captive portal through
  std::vector<std::string> unresolved;         // endpoints whose names have no address yet
  std::uint32_t table = 0;                     // that it chose for its routes; 0: it needs none
  std::string firewall_table{};                // of nftables
};

struct InterfaceStatus {
  std::string name;
  std::string public_key;
  std::uint16_t listen_port = 0;
  std::uint32_t fwmark = 0;
  std::string link;  // "up", "down"
  std::optional<HostStatus> host;
  std::vector<PeerStatus> peers;
  std::vector<Stranger> strangers;
  std::vector<HostProblem> problems;                         // none in the document: whoever shows it may look
  std::vector<std::pair<std::string, std::uint64_t>> drops;  // of all lanes and control, most first
};

/// \returns the sentence why the text is no status.
[[nodiscard]] Result<InterfaceStatus, std::string> parse_status(std::string_view json);

/// \param json  the document of the host half's answer. nullopt: it is none.
[[nodiscard]] std::optional<HostStatus> parse_host_status(std::string_view json);

/// How a peer does, for a person.
struct PeerState {
  enum class Grade : std::uint8_t { good, waiting, bad } grade = Grade::waiting;
  std::string text;  // "up", "silent for 3 minutes, 2 seconds", "never connected"
};

/// The daemon's word where it gives one, else what the handshake's age tells: a session lives 180 s [W 6.2], so a
/// younger handshake is a peer that is there.
[[nodiscard]] PeerState state_of(const PeerStatus& peer, std::int64_t now_unix);

/// The name, or the key's first characters where there is none.
[[nodiscard]] std::string title_of(const PeerStatus& peer);

}  // namespace culvert::cli
