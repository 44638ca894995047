// SPDX-License-Identifier: MIT
#include "peer_format.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace culvert::control {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t whole_seconds(Duration age) noexcept {
  return std::chrono::duration_cast<std::chrono::seconds>(age).count();
}

double milliseconds(Duration time) noexcept { return std::chrono::duration<double, std::milli>(time).count(); }

Json problem(const ProblemRecord& record) {
  Json json{{"name", name(record.problem)},
            {"text", text(record.problem)},
            {"advice", advice(record.problem)},
            {"count", record.count},
            {"time", record.wall.seconds}};
  if (record.address) json["address"] = to_string(*record.address);
  return json;
}

std::string_view origin_text(EndpointOrigin origin) noexcept {
  switch (origin) {
    case EndpointOrigin::configured:
      return "configured";
    case EndpointOrigin::handshake:
      return "handshake";
    case EndpointOrigin::roamed:
      return "roamed";
  }
  return "configured";
}

}  // namespace

std::string state_text(const engine::PeerReport& report) {
  switch (report.state) {
    case PeerState::up:
      return "up";
    case PeerState::silent:
      return fmt::format("silent for {} s", whole_seconds(report.silent_for.value_or(Duration{})));
    case PeerState::waiting:
      return report.tries > 1 ? fmt::format("waiting for an answer (try {})", report.tries) : "waiting for an answer";
    case PeerState::idle:
      return "idle: no traffic, and no session";
    case PeerState::never_connected:
      return "never connected";
    case PeerState::link_down:
      return "the interface is down";
    case PeerState::blocked:
      return fmt::format("blocked: {}", report.cause ? text(report.cause->problem) : "");
  }
  return "";
}

Json drops_json(const engine::DropNumbers& numbers) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kDropCount; ++i)
    if (numbers[i] != 0) json[std::string(name(static_cast<Drop>(i)))] = numbers[i];
  return json;
}

void add_report(Json& entry, const engine::PeerReport& report) {
  entry["state"] = state_text(report);
  entry["stateName"] = name(report.state);
  if (report.cause) entry["cause"] = problem(*report.cause);
  if (report.last) {
    entry["lastProblem"] = problem(*report.last);
    entry["lastProblem"]["secondsAgo"] = whole_seconds(report.last_age.value_or(Duration{}));
  }
  if (entry.contains("endpoint")) entry["endpointOrigin"] = origin_text(report.origin);
  if (report.session_age) entry["sessionAge"] = whole_seconds(*report.session_age);
  if (report.last_heard) entry["lastHeard"] = whole_seconds(*report.last_heard);
  if (report.round_trip) entry["roundTripMs"] = milliseconds(*report.round_trip);
  if (const Arrivals& a = report.arrivals; a.lately_expected != 0 && report.lately)
    entry["lossHere"] = {{"lost", a.lately_expected - a.lately_accepted},
                         {"of", a.lately_expected},
                         {"seconds", whole_seconds(*report.lately)}};
  if (report.tries != 0) entry["tries"] = report.tries;
  entry["handshakes"] = {{"sent", report.initiations_sent}, {"answered", report.responses_received}};
  Json drops = drops_json(report.drops);
  if (!drops.empty()) entry["drops"] = std::move(drops);
}

Json strangers_json(const engine::EngineStatus& engine, const DeviceSnapshot& device) {
  Json networks = Json::array();
  for (const StrangeNetwork& n : engine.strange_networks) {
    Json reasons = Json::object();
    for (const StrangeNetwork::Count& count : n.counts)
      if (count.count != 0) reasons[std::string(name(count.reason))] = count.count;
    Json may_be = Json::array();
    for (const PeerSnapshot& peer : device.peers)
      if (peer.endpoint && peer.endpoint->address == n.last_from.address) may_be.push_back(to_base64(peer.public_key));
    Json entry{{"network", to_string(n.network)},
               {"lastFrom", to_string(n.last_from)},
               {"time", n.wall.seconds},
               {"reasons", std::move(reasons)}};
    if (!may_be.empty()) entry["mayBe"] = std::move(may_be);
    networks.push_back(std::move(entry));
  }
  Json keys = Json::array();
  for (const StrangeKey& k : engine.strange_keys)
    keys.push_back({{"publicKey", to_base64(k.key)},
                    {"lastFrom", to_string(k.last_from)},
                    {"time", k.wall.seconds},
                    {"count", k.count}});
  return {{"networks", std::move(networks)}, {"keys", std::move(keys)}};
}

}  // namespace culvert::control
