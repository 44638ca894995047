// SPDX-License-Identifier: MIT
#include "status_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <culvert/printable.hpp>

#include "units.hpp"

namespace culvert::cli {
namespace {

/// Escape sequences, or nothing at all.
struct Paint {
  Console::Colours colours;

  [[nodiscard]] std::string operator()(std::string_view code, std::string_view text) const {
    if (colours == Console::Colours::none) return std::string(text);
    return text.empty() ? std::string() : fmt::format("\x1b[{}m{}\x1b[0m", code, text);
  }
  [[nodiscard]] std::string label(std::string_view text) const { return (*this)("1", text); }
  [[nodiscard]] std::string state(const PeerState& state) const {
    switch (state.grade) {
      case PeerState::Grade::good:
        return (*this)("32", state.text);
      case PeerState::Grade::waiting:
        return (*this)("33", state.text);
      case PeerState::Grade::bad:
        return (*this)("31", state.text);
    }
    return state.text;
  }
};

void add_line(std::string& text, const Paint& paint, std::string_view label, std::string_view value) {
  text += fmt::format("  {}: {}\n", paint.label(label), value);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + printable(word);
  return text;
}

std::string loss_text(const PeerStatus::LossHere& loss) {
  const double percent = 100.0 * static_cast<double>(loss.lost) / static_cast<double>(loss.of);
  return fmt::format("{} of {} packets ({:.2f} %) in {}", loss.lost, loss.of, percent,
                     span_text(std::chrono::seconds(loss.seconds)));
}

std::string_view origin_words(const std::string& origin) noexcept {
  if (origin == "configured") return " (as configured)";
  if (origin == "handshake") return " (from which it called)";
  if (origin == "roamed") return " (to which it has moved)";
  return "";
}

void add_host(std::string& text, const Paint& paint, const HostStatus& host) {
  if (host.kill_switch && host.portal_seconds)
    add_line(text, paint, "kill switch",
             paint("31", fmt::format("on, but open for a log-in page for {} more",
                                     span_text(std::chrono::seconds(*host.portal_seconds)))));
  else if (host.kill_switch)
    add_line(text, paint, "kill switch", paint("32", "on"));
  if (!host.unresolved.empty())
    add_line(text, paint, "no address yet", paint("31", joined(host.unresolved) + " (asked again and again)"));
  if (host.restarts != 0)
    add_line(text, paint, "packet half",
             fmt::format("died and was started anew {}",
                         host.restarts == 1 ? "once" : fmt::format("{} times", host.restarts)));
}

void add_peer(std::string& text, const Paint& paint, const PeerStatus& peer, std::int64_t now) {
  text += fmt::format("\n{}: {}\n", paint("1;33", "peer"), paint("33", title_of(peer)));
  add_line(text, paint, "state", paint.state(state_of(peer, now)));
  add_line(text, paint, "public key", printable(peer.public_key));
  if (!peer.endpoint.empty())
    add_line(text, paint, "endpoint",
             printable(peer.endpoint) + paint("2", std::string(origin_words(peer.endpoint_origin))));
  add_line(text, paint, "allowed ips", peer.allowed_ips.empty() ? "(none)" : joined(peer.allowed_ips));
  if (peer.latest_handshake != 0)
    add_line(text, paint, "latest handshake", ago_text(std::chrono::seconds(now - peer.latest_handshake)));
  if (peer.received != 0 || peer.sent != 0)
    add_line(text, paint, "transfer",
             fmt::format("{} received, {} sent", octets_text(peer.received), octets_text(peer.sent)));
  if (peer.total && (peer.total->received != 0 || peer.total->sent != 0))
    add_line(text, paint, "total",
             fmt::format("{} received, {} sent since {}", octets_text(peer.total->received),
                         octets_text(peer.total->sent), instant_text(peer.total->since)));
  if (peer.session_age)
    add_line(text, paint, "session", fmt::format("{} old", span_text(std::chrono::seconds(*peer.session_age))));
  if (peer.round_trip_ms) add_line(text, paint, "round trip", fmt::format("{:.1f} ms", *peer.round_trip_ms));
  if (peer.loss_here && peer.loss_here->of != 0)
    add_line(text, paint, "lost on the way here", loss_text(*peer.loss_here));
  if (peer.handshakes_answered < peer.handshakes_sent)
    add_line(text, paint, "handshakes",
             fmt::format("{} of {} answered", peer.handshakes_answered, peer.handshakes_sent));
  if (peer.persistent_keepalive != 0)
    add_line(text, paint, "persistent keepalive",
             fmt::format("every {}", span_text(std::chrono::seconds(peer.persistent_keepalive))));
  if (!peer.problem.empty()) {
    const std::string when =
        peer.problem_at == 0 ? "" : fmt::format(" ({})", ago_text(std::chrono::seconds(now - peer.problem_at)));
    add_line(text, paint, "last problem", printable(peer.problem) + when);
    if (!peer.advice.empty() && state_of(peer, now).grade != PeerState::Grade::good)
      add_line(text, paint, "what to do", printable(peer.advice));
  }
}

std::vector<PeerStatus> heard_last_first(std::vector<PeerStatus> peers) {
  std::stable_sort(peers.begin(), peers.end(),
                   [](const PeerStatus& a, const PeerStatus& b) { return a.latest_handshake > b.latest_handshake; });
  return peers;
}

nlohmann::ordered_json peer_json(const PeerStatus& peer, std::int64_t now) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!peer.endpoint.empty()) json["endpoint"] = peer.endpoint;
  if (peer.latest_handshake != 0) json["latestHandshake"] = peer.latest_handshake;
  json["transferRx"] = peer.received;
  json["transferTx"] = peer.sent;
  if (peer.total)
    json["total"] = {{"rx", peer.total->received}, {"tx", peer.total->sent}, {"since", peer.total->since}};
  if (peer.persistent_keepalive != 0) json["persistentKeepalive"] = peer.persistent_keepalive;
  json["allowedIps"] = peer.allowed_ips;
  if (!peer.name.empty()) json["name"] = peer.name;
  json["state"] = state_of(peer, now).text;
  if (peer.round_trip_ms) json["roundTripMs"] = *peer.round_trip_ms;
  if (peer.loss_here)
    json["lossHere"] = {
        {"lost", peer.loss_here->lost}, {"of", peer.loss_here->of}, {"seconds", peer.loss_here->seconds}};
  if (!peer.problem.empty()) json["lastProblem"] = {{"text", peer.problem}, {"time", peer.problem_at}};
  return json;
}

void add_host(nlohmann::ordered_json& json, const HostStatus& host) {
  json["config"] = host.config;
  json["upSeconds"] = host.up_seconds;
  json["killSwitch"] = host.kill_switch;
  if (host.portal_seconds) json["portalSeconds"] = *host.portal_seconds;
  if (!host.unresolved.empty()) json["unresolved"] = host.unresolved;
  json["packetHalfRestarts"] = host.restarts;
}

}  // namespace

std::string status_text(const InterfaceStatus& status, std::int64_t now_unix, Console::Colours colours) {
  const Paint paint{colours};
  std::string text = fmt::format("{}: {}\n", paint("1;32", "interface"), paint("32", printable(status.name)));
  if (status.link == "down") add_line(text, paint, "link", paint("31", "down"));
  if (!status.public_key.empty()) add_line(text, paint, "public key", printable(status.public_key));
  if (status.listen_port != 0) add_line(text, paint, "listening port", std::to_string(status.listen_port));
  if (status.fwmark != 0) add_line(text, paint, "fwmark", fmt::format("0x{:x}", status.fwmark));
  if (status.host) add_host(text, paint, *status.host);
  if (!status.drops.empty()) {
    std::string dropped;
    for (const auto& [name, count] : status.drops)
      dropped += fmt::format("{}{} {}", dropped.empty() ? "" : ", ", count, printable(name));
    add_line(text, paint, "dropped", dropped);
  }
  for (const HostProblem& problem : status.problems) {
    add_line(text, paint, "problem", paint("31", problem.text));
    add_line(text, paint, "what to do", problem.advice);
  }
  for (const PeerStatus& peer : heard_last_first(status.peers)) add_peer(text, paint, peer, now_unix);
  for (const Stranger& stranger : status.strangers) {
    if (stranger.public_key.empty())
      text += fmt::format(
          "\n{}: {} holds another public key for us\n  to let it in: give its owner ours: culvert status {}\n",
          paint("1;33", "unknown caller"), printable(stranger.from), printable(status.name));
    else
      text += fmt::format("\n{}: {} from {}\n  to let it in: culvert peer add {} NAME --public-key {}\n",
                          paint("1;33", "unknown peer"), printable(stranger.public_key), printable(stranger.from),
                          printable(status.name), printable(stranger.public_key));
  }
  return text;
}

std::string status_json(const std::vector<InterfaceStatus>& interfaces, std::int64_t now_unix) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const InterfaceStatus& status : interfaces) {
    nlohmann::ordered_json one = nlohmann::ordered_json::object();
    if (!status.public_key.empty()) one["publicKey"] = status.public_key;
    if (status.listen_port != 0) one["listenPort"] = status.listen_port;
    if (status.fwmark != 0) one["fwmark"] = status.fwmark;
    if (status.host) add_host(one, *status.host);
    nlohmann::ordered_json::object_t peers;
    peers.reserve(status.peers.size());
    for (const PeerStatus& peer : status.peers) peers.emplace_back(peer.public_key, peer_json(peer, now_unix));
    one["peers"] = std::move(peers);
    json[status.name] = std::move(one);
  }
  return json.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace culvert::cli
