// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include <culvert/printable.hpp>

#include "doctor_checks.hpp"
#include "doctor_probe.hpp"
#include "ruleset.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

using Grade = DoctorCheck::Grade;
using Fate = FilterVerdict::Fate;

constexpr const char* kUnreadable = "The rules of nftables cannot be read, which takes root and the program nft.";

std::string chain_words(const FilterVerdict& verdict) {
  return printable(fmt::format("{} {} {}", verdict.family, verdict.table, verdict.chain));
}

/// "the chain ip filter INPUT of ufw: policy drop"
std::string where(const PacketFilter& filter, const FilterVerdict& verdict) {
  const std::string owner = owner_of(filter.listing, verdict);
  return fmt::format("chain {}{}: {}", chain_words(verdict), owner.empty() ? "" : " of " + owner,
                     printable(rule_text(filter.listing, verdict)));
}

/// Whether all peers are called by us, so that what comes to the port answers.
bool all_are_called(const Patient& patient) {
  return !patient.peers.empty() && std::all_of(patient.peers.begin(), patient.peers.end(),
                                               [](const PatientPeer& peer) { return peer.endpoint.has_value(); });
}

std::string mend_of_input(const PacketFilter& filter, const FilterVerdict& verdict, std::uint16_t port) {
  if (verdict.handle != 0) return fmt::format("nft delete rule {} handle {}", chain_words(verdict), verdict.handle);
  const std::string owner = owner_of(filter.listing, verdict);
  if (owner == "ufw") return fmt::format("ufw allow {}/udp", port);
  if (owner == "firewalld")
    return fmt::format("firewall-cmd --permanent --add-port={}/udp && firewall-cmd --reload", port);
  return fmt::format("nft insert rule {} udp dport {} accept", chain_words(verdict), port);
}

std::string mend_of_forward(const PacketFilter& filter, const FilterVerdict& verdict, const std::string& tunnel) {
  const std::string owner = owner_of(filter.listing, verdict);
  if (owner == "ufw") return fmt::format("ufw route allow in on {0} && ufw route allow out on {0}", tunnel);
  if (owner == "firewalld")
    return fmt::format("firewall-cmd --permanent --zone=trusted --add-interface={} && firewall-cmd --reload", tunnel);
  if (owner == "Docker")
    return fmt::format("iptables -I DOCKER-USER -i {0} -j ACCEPT && iptables -I DOCKER-USER -o {0} -j ACCEPT", tunnel);
  if (verdict.handle != 0) return fmt::format("nft delete rule {} handle {}", chain_words(verdict), verdict.handle);
  return fmt::format("nft insert rule {0} iifname {1} accept; nft insert rule {0} oifname {1} accept",
                     chain_words(verdict), tunnel);
}

bool has_family(const std::vector<Prefix>& prefixes, Family family) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const Prefix& p) { return p.address.family == family; });
}

/// \returns whether all that the gateway has addresses for is forwarded.
bool check_forwarding(const config::Config& config, Diagnosis& out) {
  bool all = true;
  for (const Family family : {Family::v4, Family::v6}) {
    if (!has_family(config.addresses, family)) continue;
    const std::string key = family == Family::v4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
    std::string path = "/proc/sys/" + key;
    std::replace(path.begin() + 10, path.end(), '.', '/');
    if (read_line(path).value_or("1") != "0") continue;
    all = false;
    out.add({Grade::failure, "forwarding",
             fmt::format("Peers may use this machine as a gateway, but it forwards nothing: {} = 0.", key),
             fmt::format("sysctl -w {}=1", key)});
  }
  if (all) out.add({Grade::good, "forwarding", "The kernel forwards what the tunnel has addresses for.", ""});
  return all;
}

void check_forward_chains(const Visit& visit, const std::string& outside, Diagnosis& out) {
  using Connection = FilteredPacket::Connection;
  const std::string& tunnel = visit.patient.interface;
  const auto& prefixes = visit.config->addresses;
  for (const Family family : {Family::v4, Family::v6}) {
    if (!has_family(prefixes, family)) continue;
    const FilteredPacket there{"forward", family, tunnel, outside, "", 0, Connection::fresh};
    const FilteredPacket back{"forward", family, outside, tunnel, "", 0, Connection::known};
    for (const FilteredPacket& packet : {there, back}) {
      const FilterVerdict verdict = judge(visit.filter.json, packet, visit.own_table());
      if (verdict.fate != Fate::dropped) continue;
      return out.add({Grade::failure, "forwarding",
                      fmt::format("Packets from {} to {} are dropped by the {}.", packet.from, packet.to,
                                  where(visit.filter, verdict)),
                      mend_of_forward(visit.filter, verdict, tunnel)});
    }
  }
  out.add({Grade::good, "forwarding", fmt::format("No rule keeps packets of peers from {}.", outside), ""});
}

void check_masquerade(const Visit& visit, const std::string& own, const std::string& outside, Diagnosis& out) {
  const config::GatewayConfig& gateway = visit.config->gateway;
  const std::string& name = visit.patient.interface;
  if (!gateway.masquerade) {
    std::string networks;
    for (const Prefix& each : visit.config->addresses)
      networks += (networks.empty() ? "" : ", ") + to_string(masked(each));
    return out.add({Grade::note, "NAT",
                    fmt::format("Peers keep their addresses: whoever they talk to needs a route to {}.", networks),
                    "ip route add NETWORK via THIS-MACHINE on their router, or masquerade = true in [gateway]"});
  }
  if (own.find("masquerade") == std::string::npos)
    return out.add({Grade::failure, "NAT",
                    "The file says masquerade, but there is no such rule: answers do not find back to peers.",
                    fmt::format("culvert down {0} && culvert up {0}", name)});
  out.add({Grade::good, "NAT", fmt::format("Peers go out by {} under this machine's address.", outside), ""});
}

}  // namespace

void check_firewall(const Visit& visit, Diagnosis& out) {
  using Connection = FilteredPacket::Connection;
  if (!visit.filter.readable) return out.add({Grade::note, "firewall", kUnreadable, ""});
  const Patient& patient = visit.patient;
  const Connection connection = all_are_called(patient) ? Connection::known : Connection::fresh;
  FilterVerdict worst;
  for (const Family family : {Family::v4, Family::v6}) {
    for (const char* hook : {"prerouting", "input"}) {
      const FilteredPacket packet{hook, family, default_device(family), "", "udp", patient.port, connection};
      const FilterVerdict verdict = judge(visit.filter.json, packet, visit.own_table());
      if (verdict.fate > worst.fate) worst = verdict;
    }
  }
  if (worst.fate == Fate::dropped)
    return out.add(
        {Grade::failure, "firewall",
         fmt::format("This machine drops what comes to port {}, by the {}.", patient.port, where(visit.filter, worst)),
         mend_of_input(visit.filter, worst, patient.port)});
  if (worst.fate == Fate::may_be_dropped)
    return out.add({Grade::note, "firewall",
                    fmt::format("Some of what comes to port {} may be dropped, by the {}.", patient.port,
                                where(visit.filter, worst)),
                    ""});
  out.add({Grade::good, "firewall", fmt::format("No rule drops what comes to port {}.", patient.port), ""});
  if (read_line("/proc/net/ip_tables_names"))
    out.add({Grade::note, "firewall", "There are rules of the old iptables as well, which are not looked at.",
             "iptables-legacy -S"});
}

void check_gateway(const Visit& visit, Diagnosis& out) {
  if (!visit.config || !visit.config->gateway.enabled) return;
  const config::GatewayConfig& gateway = visit.config->gateway;
  check_forwarding(*visit.config, out);
  std::string outside = gateway.outside_interface;
  if (outside.empty()) outside = default_device(Family::v4);
  if (outside.empty()) outside = default_device(Family::v6);
  if (outside.empty())
    return out.add({Grade::warning, "forwarding",
                    "There is no default route: peers reach only this machine's networks.",
                    "ip route add default via GATEWAY"});
  if (!read_line("/sys/class/net/" + outside + "/mtu"))
    return out.add({Grade::failure, "forwarding", fmt::format("There is no interface {}.", outside),
                    fmt::format("outside_interface in [gateway]: {}", visit.config->place.file)});
  if (!visit.filter.readable) return;
  const std::string own = visit.own_rules();
  if (visit.host && own.empty())
    return out.add({Grade::failure, "firewall", "The tunnel's own rules are gone: somebody has flushed nftables.",
                    fmt::format("culvert down {0} && culvert up {0}", visit.patient.interface)});
  check_forward_chains(visit, outside, out);
  if (visit.host) check_masquerade(visit, own, outside, out);
  if (gateway.allowed_subnets.empty()) return;
  std::string list;
  for (const Prefix& each : gateway.allowed_subnets) list += (list.empty() ? "" : ", ") + to_string(each);
  out.add({Grade::note, "forwarding", fmt::format("Peers may go to {} and nowhere else.", list),
           "allowed_subnets in [gateway] says so"});
}

void check_guard(const Visit& visit, Diagnosis& out) {
  if (!visit.config || !visit.config->firewall.kill_switch || !visit.host || !visit.filter.readable) return;
  if (visit.own_rules().find("hook output priority filter; policy drop") != std::string::npos)
    return out.add({Grade::good, "kill switch", "It is in force: nothing leaves beside the tunnel.", ""});
  out.add({Grade::failure, "kill switch", "The file wants it, but its rules are gone: somebody has flushed nftables.",
           fmt::format("culvert down {0} && culvert up {0}", visit.patient.interface)});
}

}  // namespace culvert::cli
