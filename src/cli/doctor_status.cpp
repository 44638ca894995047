// SPDX-License-Identifier: MIT
#include "doctor_status.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <culvert/printable.hpp>

#include "units.hpp"

namespace culvert::cli {
namespace {

using Json = nlohmann::ordered_json;  // peers in the order of the document
using Grade = DoctorCheck::Grade;

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
}

std::uint64_t number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

const Json& member(const Json& object, const char* key) {
  static const Json kNone = Json::object();
  const auto found = object.find(key);
  return found != object.end() ? *found : kNone;
}

PatientPeer peer_from(const std::string& key, const Json& json) {
  PatientPeer peer;
  peer.key = printable(key);
  peer.title = text_at(json, "name");
  if (peer.title.empty()) peer.title = printable(key.substr(0, 8)) + "…";
  peer.endpoint = parse_endpoint(text_at(json, "endpoint"));
  for (const Json& prefix : member(json, "allowedIps"))
    if (const auto parsed = prefix.is_string() ? parse_prefix(prefix.get<std::string>()) : std::nullopt)
      peer.allowed_ips.push_back(*parsed);
  peer.state_name = text_at(json, "stateName");
  peer.state = text_at(json, "state");
  const Json& cause = member(json, "cause");
  peer.problem = text_at(cause, "name");
  peer.problem_text = text_at(cause, "text");
  peer.advice = text_at(cause, "advice");
  peer.told_by = text_at(cause, "address");
  const Json& last = member(json, "lastProblem");
  peer.last_problem = text_at(last, "name");
  peer.last_text = text_at(last, "text");
  peer.last_advice = text_at(last, "advice");
  peer.last_address = text_at(last, "address");
  peer.last_seconds_ago = static_cast<std::int64_t>(number_at(last, "secondsAgo"));
  peer.keeps_alive = number_at(json, "persistentKeepalive") != 0;
  peer.has_handshake = number_at(json, "latestHandshake") != 0;
  return peer;
}

std::uint64_t sum_of(const Json& reasons, std::initializer_list<const char*> names) {
  std::uint64_t sum = 0;
  for (const char* name : names) sum += number_at(reasons, name);
  return sum;
}

void read_strangers(const Json& strangers, Patient& patient) {
  for (const Json& key : member(strangers, "keys")) {
    const std::string text = text_at(key, "publicKey");
    patient.strangers.push_back(
        {Grade::failure, "stranger",
         fmt::format("{} calls with the public key {}, which is no peer here.", text_at(key, "lastFrom"), text),
         fmt::format("if it is one of yours: wg set {} peer {} allowed-ips ADDRESS", patient.interface, text)});
  }
  for (const Json& network : member(strangers, "networks")) {
    const Json& reasons = member(network, "reasons");
    if (sum_of(reasons, {"bad_mac1"}) == 0) continue;
    patient.strangers.push_back(
        {Grade::failure, "stranger",
         fmt::format("{} calls somebody with another public key than ours.", text_at(network, "lastFrom")),
         fmt::format("give its owner the key that `wg show {} public-key` prints", patient.interface)});
  }
}

void read_numbers(const Json& document, Patient& patient) {
  const Json& offloads = member(document, "offloads");
  const auto on = [&](const char* key) {
    const Json& flag = member(offloads, key);
    return flag.is_boolean() && flag.get<bool>() ? "on" : "off";
  };
  patient.offloads = fmt::format("inside {}, segmentation {}, coalescing {}", text_at(offloads, "inside"),
                                 on("segmentation"), on("receiveCoalescing"));
  patient.inside_queue_drops = number_at(document, "interfaceDrops");
  patient.flooders = number_at(member(document, "control"), "thinnedSenders");
  for (const Json& lane : member(document, "lanes")) {
    const Json& outside = member(lane, "outside");
    patient.outside_queue_drops += number_at(outside, "kernelDrops");
    patient.fallbacks +=
        number_at(outside, "segmentationFallbacks") + number_at(member(lane, "inside"), "coalescingFallbacks");
  }
}

}  // namespace

std::optional<Patient> read_patient(const std::string& status) {
  const Json document = Json::parse(status, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  Patient patient;
  patient.interface = text_at(document, "interface");
  patient.link_up = text_at(document, "link") == "up";
  patient.port = static_cast<std::uint16_t>(number_at(document, "listenPort"));
  patient.fwmark = static_cast<std::uint32_t>(number_at(document, "fwmark"));
  patient.has_key = document.contains("publicKey");
  for (const auto& [key, peer] : member(document, "peers").items())
    if (peer.is_object()) patient.peers.push_back(peer_from(key, peer));
  read_strangers(member(document, "strangers"), patient);
  read_numbers(document, patient);
  const Json& lost = member(member(document, "lastDrops"), "no_peer_for_destination");
  if (parse_address(text_at(lost, "address"))) patient.lost_destination = text_at(lost, "address");
  return patient;
}

DoctorCheck handshake_check(const PatientPeer& peer) {
  const std::string topic = "handshake";
  if (peer.state_name == "up") return {Grade::good, topic, "There is a session.", ""};
  if (!peer.problem.empty()) {
    const bool told = !peer.told_by.empty() && peer.problem != "no_endpoint";
    const std::string who = !told ? "" : fmt::format(" (Told by {}.)", peer.told_by);
    return {Grade::failure, topic, peer.problem_text + who, peer.advice};
  }
  if (peer.state_name == "idle")
    return {Grade::note, topic, "There is no session, since nothing was sent for a while.", ""};
  if (!peer.endpoint)
    return {Grade::note, topic, "The peer has no endpoint here and has not called yet.",
            "set its endpoint, or start the tunnel on its end"};
  return {Grade::failure, topic, fmt::format("There is none yet: {}.", peer.state),
          "send something to the peer, wait ten seconds, and ask again"};
}

}  // namespace culvert::cli
