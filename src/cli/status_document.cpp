// SPDX-License-Identifier: MIT
#include "status_document.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include <culvert/printable.hpp>

#include "units.hpp"

namespace culvert::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kSessionLives = 180;  // seconds

/// The member, or a null for a missing one.
const Json& member(const Json& object, const char* key) {
  static const Json kNone;
  const auto found = object.find(key);
  return found == object.end() ? kNone : *found;
}

std::string text_at(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// 0 for what is missing, no number, or does not fit.
template <class Number>
Number number_at(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_number_integer()) return 0;
  if (value.is_number_unsigned()) {
    const auto n = value.get<std::uint64_t>();
    return n <= static_cast<std::uint64_t>(std::numeric_limits<Number>::max()) ? static_cast<Number>(n) : Number{0};
  }
  const auto n = value.get<std::int64_t>();
  return std::is_signed_v<Number> ? static_cast<Number>(n) : Number{0};
}

/// Seconds since 1970, or of a span. 0 for what no clock shows: the past before, and what is after the year 9999.
std::int64_t seconds_at(const Json& object, const char* key) {
  constexpr std::int64_t kLast = 253'402'300'799;
  const auto seconds = number_at<std::int64_t>(object, key);
  return seconds >= 0 && seconds <= kLast ? seconds : 0;
}

PeerStatus peer_from(const std::string& key, const Json& json) {
  PeerStatus peer;
  peer.public_key = key;
  peer.name = text_at(json, "name");
  peer.endpoint = text_at(json, "endpoint");
  peer.endpoint_origin = text_at(json, "endpointOrigin");
  for (const Json& prefix : member(json, "allowedIps"))
    if (prefix.is_string()) peer.allowed_ips.push_back(prefix.get<std::string>());
  peer.latest_handshake = seconds_at(json, "latestHandshake");
  peer.received = number_at<std::uint64_t>(json, "transferRx");
  peer.sent = number_at<std::uint64_t>(json, "transferTx");
  if (const Json& total = member(json, "total"); total.is_object())
    peer.total = {number_at<std::uint64_t>(total, "rx"), number_at<std::uint64_t>(total, "tx"),
                  seconds_at(total, "since")};
  peer.persistent_keepalive = number_at<std::uint32_t>(json, "persistentKeepalive");
  peer.state = text_at(json, "state");
  peer.state_name = text_at(json, "stateName");
  if (const Json& problem = member(json, "lastProblem"); problem.is_object()) {
    peer.problem = text_at(problem, "text");
    peer.advice = text_at(problem, "advice");
    peer.problem_at = seconds_at(problem, "time");
  }
  if (const Json& ms = member(json, "roundTripMs"); ms.is_number()) peer.round_trip_ms = ms.get<double>();
  if (const Json& loss = member(json, "lossHere"); loss.is_object())
    peer.loss_here = {.lost = number_at<std::uint64_t>(loss, "lost"),
                      .of = number_at<std::uint64_t>(loss, "of"),
                      .seconds = seconds_at(loss, "seconds")};
  if (json.contains("sessionAge")) peer.session_age = seconds_at(json, "sessionAge");
  if (const Json& handshakes = member(json, "handshakes"); handshakes.is_object()) {
    peer.handshakes_sent = number_at<std::uint64_t>(handshakes, "sent");
    peer.handshakes_answered = number_at<std::uint64_t>(handshakes, "answered");
  }
  return peer;
}

void add_drops(const Json& part, std::map<std::string, std::uint64_t>& sums) {
  if (!part.is_object()) return;
  const Json& drops = member(part, "drops");
  if (!drops.is_object()) return;
  for (const auto& [name, count] : drops.items())
    if (count.is_number_unsigned()) sums[name] += count.get<std::uint64_t>();
}

}  // namespace

Result<InterfaceStatus, std::string> parse_status(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) return Err{std::string("the daemon's answer is no status document")};
  InterfaceStatus status;
  status.name = text_at(document, "interface");
  status.public_key = text_at(document, "publicKey");
  status.listen_port = number_at<std::uint16_t>(document, "listenPort");
  status.fwmark = number_at<std::uint32_t>(document, "fwmark");
  status.link = text_at(document, "link");
  if (const Json& peers = member(document, "peers"); peers.is_object())
    for (const auto& [key, peer] : peers.items())
      if (peer.is_object()) status.peers.push_back(peer_from(key, peer));
  if (const Json& strangers = member(document, "strangers"); strangers.is_object()) {
    for (const Json& key : member(strangers, "keys"))
      if (key.is_object()) status.strangers.push_back({text_at(key, "publicKey"), text_at(key, "lastFrom")});
    for (const Json& network : member(strangers, "networks"))
      if (network.is_object() && member(network, "reasons").is_object() &&
          number_at<std::uint64_t>(member(network, "reasons"), "bad_mac1") != 0)
        status.strangers.push_back({"", text_at(network, "lastFrom")});
  }
  std::map<std::string, std::uint64_t> sums;
  add_drops(member(document, "control"), sums);
  if (const Json& lanes = member(document, "lanes"); lanes.is_array())
    for (const Json& lane : lanes) add_drops(lane, sums);
  status.drops.assign(sums.begin(), sums.end());
  std::stable_sort(status.drops.begin(), status.drops.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return status;
}

std::optional<HostStatus> parse_host_status(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  HostStatus host;
  host.config = text_at(document, "config");
  host.up_seconds = seconds_at(document, "upSeconds");
  if (const Json& packet_half = member(document, "packetHalf"); packet_half.is_object())
    host.restarts = number_at<std::uint64_t>(packet_half, "restarts");
  const Json& kill_switch = member(document, "killSwitch");
  host.kill_switch = kill_switch.is_boolean() && kill_switch.get<bool>();
  if (member(document, "portalSeconds").is_number()) host.portal_seconds = seconds_at(document, "portalSeconds");
  for (const Json& name : member(document, "unresolved"))
    if (name.is_string()) host.unresolved.push_back(name.get<std::string>());
  host.table = number_at<std::uint32_t>(document, "table");
  host.firewall_table = text_at(document, "firewallTable");
  return host;
}

PeerState state_of(const PeerStatus& peer, std::int64_t now_unix) {
  if (!peer.state.empty()) {
    const std::string text = printable(peer.state);
    if (peer.state_name == "up") return {PeerState::Grade::good, text};
    const bool waits =
        peer.state_name == "waiting" || peer.state_name == "idle" || peer.state_name == "never_connected";
    return {waits ? PeerState::Grade::waiting : PeerState::Grade::bad, text};
  }
  if (peer.latest_handshake == 0) return {PeerState::Grade::waiting, "never connected"};
  const std::int64_t age = now_unix - peer.latest_handshake;
  if (age < kSessionLives) return {PeerState::Grade::good, "up"};
  return {PeerState::Grade::waiting, "idle for " + span_text(std::chrono::seconds(age))};
}

std::string title_of(const PeerStatus& peer) {
  if (!peer.name.empty()) return printable(peer.name);
  return printable(peer.public_key.substr(0, 8)) + "…";
}

}  // namespace culvert::cli
