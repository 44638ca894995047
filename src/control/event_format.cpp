// SPDX-License-Identifier: MIT
#include "event_format.hpp"

#include <nlohmann/json.hpp>
#include <system_error>

namespace culvert::control {
namespace {

using Json = nlohmann::ordered_json;

Json begin(std::string_view interface, UnixTime wall, std::string_view event) {
  const auto milliseconds = wall.nanoseconds / 1'000'000;
  const double time = static_cast<double>(wall.seconds) + static_cast<double>(milliseconds) / 1000;
  return {{"time", time}, {"interface", interface}, {"event", event}};
}

std::string finish(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

/// Empty: the event is a step on the way and no news for anybody.
std::string_view word_for(const Event& event) noexcept {
  using Kind = Event::Kind;
  switch (event.kind) {
    case Kind::response_received:
    case Kind::session_confirmed:
      return event.news ? "peer_up" : "rekey";
    case Kind::stopped_hearing:
      return event.news ? "peer_silent" : "";
    case Kind::gave_up:
      return "gave_up";
    case Kind::keys_wiped:
      return "session_ended";
    case Kind::endpoint_moved:
      return "endpoint_moved";
    case Kind::refused:
      return "handshake_refused";
    case Kind::problem:
      return "problem";
    case Kind::initiation_retried:
    case Kind::response_sent:
    case Kind::cookie_received:
      return event.news && event.problem ? "problem" : "";
    case Kind::initiation_sent:
    case Kind::initiation_received:
    case Kind::keepalive_sent:
    case Kind::cookie_sent:
      return "";
  }
  return "";
}

}  // namespace

std::optional<std::string> format_event(std::string_view interface, UnixTime wall, const Event& event,
                                        const Peer* peer) {
  const std::string_view word = word_for(event);
  if (word.empty()) return std::nullopt;
  Json json = begin(interface, wall, word);
  if (peer != nullptr)
    json["publicKey"] = to_base64(peer->public_key);
  else if (event.key)
    json["publicKey"] = to_base64(*event.key);
  if (event.drop) {
    json["reason"] = name(*event.drop);
    json["text"] = text(*event.drop);
  }
  if (event.endpoint && event.endpoint->port != 0)
    json["endpoint"] = to_string(*event.endpoint);
  else if (event.endpoint)
    json["address"] = to_string(event.endpoint->address);
  if (event.kind == Event::Kind::endpoint_moved) json["by"] = event.detail != 0 ? "data" : "handshake";
  if (event.kind == Event::Kind::gave_up) json["tries"] = event.detail;
  if (event.problem) {
    json["problem"] = name(*event.problem);
    json["text"] = text(*event.problem);
    json["advice"] = advice(*event.problem);
  }
  return finish(json);
}

std::optional<std::string> format_event(std::string_view interface, UnixTime wall, const engine::Notice& notice) {
  using Kind = engine::Notice::Kind;
  const auto fallback = [&](std::string_view what) {
    Json json = begin(interface, wall, "fallback");
    json["what"] = what;
    json["error"] = std::generic_category().message(notice.error);
    return finish(json);
  };
  switch (notice.kind) {
    case Kind::segmentation_off:
      return fallback("segmentation");
    case Kind::tcp_coalescing_off:
      return fallback("tcp_coalescing");
    case Kind::udp_coalescing_off:
      return fallback("udp_coalescing");
    case Kind::flood_thinned: {
      Json json = begin(interface, wall, "flood");
      json["senders"] = notice.senders;
      return finish(json);
    }
    case Kind::flood_over:
      return finish(begin(interface, wall, "flood_over"));
    case Kind::thinning_refused:
      return fallback("flood_thinning");
    case Kind::interface_gone:
    case Kind::socket_dead:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string format_event(std::string_view interface, UnixTime wall, const ReloadNews& news) {
  const bool refused = news.outcome == ReloadNews::Outcome::refused;
  Json json = begin(interface, wall, "reload");
  json["outcome"] = refused ? "refused" : "done";
  if (!refused) {
    json["peersAdded"] = news.peers_added;
    json["peersRemoved"] = news.peers_removed;
    json["peersChanged"] = news.peers_changed;
    json["otherKeysChanged"] = news.other_keys;
  }
  json["text"] = news.text;
  return finish(json);
}

std::string format_event(std::string_view interface, UnixTime wall, std::string_view event, std::string_view detail) {
  Json json = begin(interface, wall, event);
  json["detail"] = detail;
  return finish(json);
}

}  // namespace culvert::control
