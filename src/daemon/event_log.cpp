// SPDX-License-Identifier: MIT
#include "event_log.hpp"

#include <system_error>

namespace culvert::daemon {
namespace {

// "peer(AbCd…WxYz) - " in front of what concerns a peer.
std::string about(const Peer* peer) {
  return peer == nullptr ? "" : fmt::format("peer({}) - ", to_short(peer->public_key));
}

std::string sentence(const Event& event) {
  using Kind = Event::Kind;
  switch (event.kind) {
    case Kind::initiation_sent:
      return "Sending handshake initiation";
    case Kind::initiation_retried:
      return fmt::format("Handshake did not complete after 5 seconds, retrying (try {})", event.detail);
    case Kind::stopped_hearing:
      return fmt::format("Retrying handshake because we stopped hearing back after {} seconds", event.detail);
    case Kind::gave_up:
      return fmt::format("Handshake did not complete after {} attempts, giving up until there is traffic again",
                         event.detail);
    case Kind::initiation_received:
      return "Received handshake initiation";
    case Kind::response_sent:
      return "Sending handshake response";
    case Kind::response_received:
      return "Received handshake response";
    case Kind::session_confirmed:
      return "Session confirmed by the first packet";
    case Kind::keepalive_sent:
      return "Sending keepalive packet";
    case Kind::keys_wiped:
      return "Wiped all keys: no new session for 540 seconds";
    case Kind::endpoint_moved:
      return fmt::format("Endpoint is {} now", to_string(event.endpoint.value_or(Endpoint{})));
    case Kind::cookie_received:
      return "Received cookie reply";
    case Kind::cookie_sent:
      return "Sending cookie reply";
    case Kind::refused:
      return fmt::format("Refused a handshake message from {}: {}", to_string(event.endpoint.value_or(Endpoint{})),
                         text(event.drop.value_or(Drop::not_wireguard)));
    case Kind::problem:
      return std::string(event.problem ? text(*event.problem) : "");
  }
  return {};
}

LogLevel level_of(Event::Kind kind) noexcept {
  return kind == Event::Kind::gave_up ? LogLevel::error : LogLevel::verbose;
}

}  // namespace

void log_event(Log& log, Instant now, const Event& event, const Peer* peer) {
  const LogLevel level = level_of(event.kind);
  if (!log.enabled(level)) return;
  const std::string_view kind = event.drop ? name(*event.drop) : peer == nullptr ? "stranger" : std::string_view{};
  const std::string line = about(peer) + sentence(event);
  if (kind.empty())
    log.write(level, line);
  else
    log.limited(kind, now, level, line);
}

void log_notice(Log& log, const engine::Notice& notice) {
  using Kind = engine::Notice::Kind;
  const std::string reason = std::generic_category().message(notice.error);
  switch (notice.kind) {
    case Kind::interface_gone:
      return log.verbose("The interface was deleted");
    case Kind::socket_dead:
      return log.error("A UDP socket is dead: {}", reason);
    case Kind::segmentation_off:
      return log.error("The kernel refused UDP_SEGMENT, sending without it: {}", reason);
    case Kind::tcp_coalescing_off:
      return log.error("The kernel refused a coalesced TCP packet, writing one by one: {}", reason);
    case Kind::udp_coalescing_off:
      return log.error("The kernel refused a coalesced UDP packet, writing one by one: {}", reason);
  }
}

}  // namespace culvert::daemon
