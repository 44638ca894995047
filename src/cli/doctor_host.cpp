// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "doctor_checks.hpp"
#include "doctor_probe.hpp"

namespace culvert::cli {
namespace {

using Grade = DoctorCheck::Grade;
using Json = nlohmann::json;

/// What `ip -j` answers: a list; empty where it does not.
Json asked(const std::vector<std::string>& words) {
  Json answer = Json::parse(run_program(words).output, nullptr, false);
  return answer.is_array() ? answer : Json::array();
}

std::vector<Prefix> addresses_of(const std::string& interface) {
  std::vector<Prefix> found;
  for (const Json& link : asked({"ip", "-j", "addr", "show", "dev", interface})) {
    for (const Json& address : link.value("addr_info", Json::array())) {
      const auto local = parse_address(address.value("local", ""));
      if (local && address.value("scope", "") == "global")
        found.push_back({*local, static_cast<std::uint8_t>(address.value("prefixlen", 0))});
    }
  }
  return found;
}

void check_addresses(const Visit& visit, Diagnosis& out) {
  const std::string& name = visit.patient.interface;
  const std::vector<Prefix> there = addresses_of(name);
  if (there.empty() && !visit.config)
    return out.add(
        {Grade::failure, "addresses", "The interface has no address.", "ip addr add ADDRESS/LENGTH dev " + name});
  std::string list;
  for (const Prefix& each : there) list += (list.empty() ? "" : ", ") + to_string(each);
  std::size_t missing = 0;
  if (visit.config.has_value()) {
    for (const Prefix& wanted : visit.config->addresses) {
      if (std::find(there.begin(), there.end(), wanted) != there.end()) continue;
      ++missing;
      out.add({Grade::failure, "addresses",
               fmt::format("The address {} of the file is not on the interface.", to_string(wanted)),
               fmt::format("ip addr add {} dev {}", to_string(wanted), name)});
    }
  }
  if (missing == 0 && !list.empty()) out.add({Grade::good, "addresses", fmt::format("It has {}.", list), ""});
}

/// A rule that leads all packets without the mark into the table.
bool is_rule_without(const Json& rule, std::uint32_t mark, std::uint32_t table) {
  const std::string hex = rule.value("fwmark", "");
  const bool marked = !hex.empty() && std::strtoul(hex.c_str(), nullptr, 0) == mark;
  const std::string name = rule.value("table", "");
  return rule.contains("not") && marked && (table == 0 || name == std::to_string(table)) &&
         !rule.contains("suppress_prefixlen");
}

}  // namespace

void check_host(const Visit& visit, Diagnosis& out) {
  check_link(visit, out);
  if (visit.patient.link_up) check_rules(visit, out);
  check_firewall(visit, out);
  check_guard(visit, out);
  check_gateway(visit, out);
}

void check_link(const Visit& visit, Diagnosis& out) {
  const Patient& patient = visit.patient;
  const std::string& name = patient.interface;
  if (!read_line("/sys/class/net/" + name + "/mtu"))
    return out.add({Grade::failure, "link", "The interface is not in this network namespace.",
                    "run me where it is: ip netns exec NAMESPACE culvert doctor " + name});
  if (!patient.link_up)
    return out.add({Grade::failure, "link", "The interface is down.", "ip link set " + name + " up"});
  out.add({Grade::good, "link", "The interface is up.", ""});
  if (!patient.has_key)
    out.add({Grade::failure, "key", "The interface has no private key.", "wg set " + name + " private-key FILE"});
  check_addresses(visit, out);
  if (patient.peers.empty())
    out.add({Grade::failure, "peers", "The interface has no peers.",
             "wg set " + name + " peer PUBLIC-KEY allowed-ips ADDRESS"});
  if (!visit.config) return;
  for (const config::PeerConfig& peer : visit.config->peers) {
    const std::string key = to_base64(peer.public_key);
    const auto has_key = [&](const PatientPeer& each) { return each.key == key; };
    if (std::none_of(patient.peers.begin(), patient.peers.end(), has_key))
      out.add({Grade::failure, "peers", fmt::format("The daemon does not know the file's peer {}.", peer.name),
               "culvert reload " + name});
  }
}

void check_rules(const Visit& visit, Diagnosis& out) {
  const std::uint32_t mark = visit.patient.fwmark;
  const std::uint32_t table = visit.host ? visit.host->table : 0;
  // With a table of their own choice the rules are the owner's business.
  const bool automatic = !visit.config || visit.config->table.kind == config::RoutingTable::Kind::automatic;
  if (mark == 0 || !automatic) return;
  std::size_t missing = 0;
  for (const Family family : {Family::v4, Family::v6}) {
    if (!visit.takes_all(family)) continue;
    const std::string_view option = family == Family::v4 ? "-4" : "-6";
    const Json rules = asked({"ip", "-j", std::string(option), "rule", "show"});
    if (std::any_of(rules.begin(), rules.end(), [&](const Json& rule) { return is_rule_without(rule, mark, table); }))
      continue;
    ++missing;
    out.add({visit.config.has_value() ? Grade::failure : Grade::warning, "rules",
             fmt::format("No rule of IPv{} leads packets without the mark 0x{:x} into the tunnel's table.",
                         option.substr(1), mark),
             fmt::format("ip {} rule add not fwmark 0x{:x} table {} priority 32502", option, mark,
                         table != 0 ? std::to_string(table) : "TABLE")});
  }
  if (missing != 0) return;
  out.add({Grade::good, "mark", fmt::format("The tunnel's own datagrams carry 0x{:x}, by which they go outside.", mark),
           ""});
}

void check_queues(const Patient& patient, Diagnosis& out) {
  out.add({Grade::good, "offloads", "In use: " + patient.offloads + ".", ""});
  if (patient.fallbacks != 0)
    out.add({Grade::note, "offloads",
             fmt::format("The kernel refused an offload {} times, and the plain way was taken.", patient.fallbacks),
             ""});
  if (patient.flooders != 0)
    out.add({Grade::note, "flood",
             fmt::format("A flood of handshake messages is under way; the kernel holds most of it back (senders: {}).",
                         patient.flooders),
             ""});
  if (patient.inside_queue_drops != 0)
    out.add({Grade::warning, "queues",
             fmt::format("{} packets found the interface's queue full.", patient.inside_queue_drops),
             fmt::format("ip link set {} txqueuelen 2000", patient.interface)});
  if (patient.outside_queue_drops != 0)
    out.add({Grade::warning, "queues",
             fmt::format("{} datagrams found the receive buffer full.", patient.outside_queue_drops),
             "sysctl -w net.core.rmem_max=8388608, and restart the tunnel"});
  if (patient.inside_queue_drops == 0 && patient.outside_queue_drops == 0)
    out.add({Grade::good, "queues", "No packet found a queue full.", ""});
}

}  // namespace culvert::cli
