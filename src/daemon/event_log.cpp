// SPDX-License-Identifier: MIT
#include "event_log.hpp"

#include <system_error>

namespace culvert::daemon {
namespace {

// "peer(AbCd…WxYz) - " in front of what concerns a peer.
std::string about(const Peer* peer) {
  return peer == nullptr ? "" : fmt::format("peer({}) - ", to_short(peer->public_key));
}

// ": why. What to do." behind a familiar phrase.
std::string because(const Event& event) {
  return event.problem ? fmt::format(": {} {}", text(*event.problem), advice(*event.problem)) : "";
}

std::string told_by(const Event& event) {
  return event.endpoint ? fmt::format(" (Told by {}.) ", to_string(event.endpoint->address)) : " ";
}

std::string_view refusal(const Event& event) noexcept {
  return event.drop == Drop::bad_mac1 ? "Received packet with invalid mac1" : "Refused a handshake message";
}

std::string sentence(const Event& event) {
  using Kind = Event::Kind;
  switch (event.kind) {
    case Kind::initiation_sent:
      return "Sending handshake initiation";
    case Kind::initiation_retried:
      return fmt::format("Handshake did not complete after 5 seconds, retrying (try {}){}", event.detail,
                         because(event));
    case Kind::stopped_hearing:
      return fmt::format("Retrying handshake because we stopped hearing back after {} seconds", event.detail);
    case Kind::gave_up:
      return fmt::format("Handshake did not complete after {} attempts, giving up until there is traffic again{}",
                         event.detail, because(event));
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
      return fmt::format(
          "{} from {}: {}{}", refusal(event), to_string(event.endpoint.value_or(Endpoint{})),
          text(event.drop.value_or(Drop::not_wireguard)),
          event.key && event.drop == Drop::unknown_peer ? fmt::format(" Its key is {}.", to_base64(*event.key)) : "");
    case Kind::problem:
      return std::string(event.problem ? text(*event.problem) : "") + told_by(event) +
             std::string(event.problem ? advice(*event.problem) : "");
  }
  return {};
}

// What an operator must know: a peer was given up, or something is wrong that was not wrong before.
LogLevel level_of(const Event& event, const Peer* peer) noexcept {
  const bool news = event.news && event.problem && peer != nullptr;
  return event.kind == Event::Kind::gave_up || news ? LogLevel::error : LogLevel::verbose;
}

}  // namespace

void log_event(Log& log, Instant now, const Event& event, const Peer* peer) {
  const LogLevel level = level_of(event, peer);
  if (!log.enabled(level)) return;
  std::string_view kind = event.drop ? name(*event.drop) : peer == nullptr ? "stranger" : std::string_view{};
  if (event.kind == Event::Kind::problem && event.problem) kind = name(*event.problem);
  const std::string line = about(peer) + sentence(event);
  if (kind.empty())
    log.write(level, line);
  else
    log.limited(kind, now, level, line);
}

void log_notice(Log& log, Instant now, const engine::Notice& notice) {
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
    case Kind::flood_thinned:
      return log.limited(
          "flood", now, LogLevel::error,
          fmt::format("A flood of handshake messages: the kernel holds most of it back (senders: {})", notice.senders));
    case Kind::flood_over:
      return log.limited("flood", now, LogLevel::error, "No flood of handshake messages is held back any more");
    case Kind::thinning_refused:
      return log.error("A flood of handshake messages may not be held back: {}", reason);
  }
}

}  // namespace culvert::daemon
