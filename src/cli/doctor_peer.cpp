// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "doctor_checks.hpp"
#include "doctor_probe.hpp"
#include "surroundings.hpp"

namespace culvert::cli {
namespace {

using namespace std::chrono_literals;
using Grade = DoctorCheck::Grade;

constexpr std::size_t kMostPrefixes = 16;  // a peer's routes that are looked at
constexpr std::size_t kEchoOctets = 84;

/// An address in the prefix that may be somebody else: the first behind the network's own that is not ours.
IpAddress sample_of(const Prefix& prefix, const std::vector<IpAddress>& own) {
  if (prefix.length == 0)  // anywhere: an address kept for documentation, which no route singles out
    return *parse_address(prefix.address.family == Family::v4 ? "192.0.2.1" : "2001:db8::1");
  IpAddress address = masked(prefix).address;
  if (prefix.length == address_bits(address.family)) return address;
  std::uint8_t& last = address.octets[address.family == Family::v4 ? 3 : 15];
  ++last;
  // In the smallest network there may be nobody but us.
  if (std::find(own.begin(), own.end(), address) != own.end() && prefix.length + 1 < address_bits(address.family))
    ++last;
  return address;
}

bool is_strict(const std::string& device) {
  int strongest = 0;
  for (const std::string& scope : {std::string("all"), device})
    if (const auto line = read_line("/proc/sys/net/ipv4/conf/" + scope + "/rp_filter"))
      strongest = std::max(strongest, std::atoi(line->c_str()));
  return strongest == 1;
}

bool answers(const std::string& interface, const IpAddress& to, std::size_t octets) {
  for (int tries = 0; tries < 2; ++tries)
    if (echo(interface, to, octets, 1s) == EchoOutcome::answered) return true;
  return false;
}

/// The largest packet that comes back, between one that does and one that does not.
std::size_t largest_answered(const std::string& interface, const IpAddress& to, std::size_t passes, std::size_t fails) {
  while (fails - passes > 1) {
    const std::size_t middle = passes + (fails - passes) / 2;
    (answers(interface, to, middle) ? passes : fails) = middle;
  }
  return passes;
}

void check_mtu(const Patient& patient, const IpAddress& to, Diagnosis& out) {
  const std::string text = read_line("/sys/class/net/" + patient.interface + "/mtu").value_or("");
  std::size_t mtu = 0;
  std::from_chars(text.data(), text.data() + text.size(), mtu);
  const std::string topic = "MTU";
  if (mtu <= kEchoOctets) return;
  if (answers(patient.interface, to, mtu))
    return out.add({Grade::good, topic, fmt::format("Packets of {} octets, the whole MTU, come back.", mtu), ""});
  out.doing("measuring what passes");
  const std::size_t passes = largest_answered(patient.interface, to, kEchoOctets, mtu);
  // Padding to 16 octets makes all sizes of one step alike; below the MTU the largest of a step is what passes.
  out.add(
      {Grade::failure, topic,
       fmt::format("Packets of up to {} octets come back, and larger ones up to the MTU of {} vanish.", passes, mtu),
       fmt::format("ip link set {} mtu {} on both ends (key: mtu = {})", patient.interface, passes, passes)});
}

}  // namespace

std::optional<IpAddress> inner_address(const Visit& visit, const PatientPeer& peer) {
  const auto longest =
      std::max_element(peer.allowed_ips.begin(), peer.allowed_ips.end(), [](const auto& a, const auto& b) {
        return a.length * 128 / address_bits(a.address.family) < b.length * 128 / address_bits(b.address.family);
      });
  if (longest == peer.allowed_ips.end()) return std::nullopt;
  return sample_of(*longest, visit.own);
}

void check_routes(const Visit& visit, const PatientPeer& peer, Diagnosis& out) {
  const std::string& tunnel = visit.patient.interface;
  if (peer.allowed_ips.empty())
    return out.add({Grade::failure, "routes", "The peer has no allowed IPs: nothing can be sent to it.",
                    fmt::format("wg set {} peer {} allowed-ips ADDRESS", tunnel, peer.key)});
  // With a table of their own choice the routes that lead into it are the owner's business.
  if (visit.config.has_value() && visit.config->table.kind != config::RoutingTable::Kind::automatic)
    return out.add({Grade::note, "routes",
                    fmt::format("table = {} in the file: which packets go into the tunnel is the owner's business.",
                                to_string(visit.config->table)),
                    ""});
  std::size_t missing = 0;
  for (std::size_t i = 0; i < std::min(peer.allowed_ips.size(), kMostPrefixes); ++i) {
    const Prefix& prefix = peer.allowed_ips[i];
    const std::string device = device_towards(sample_of(prefix, visit.own), 0);
    if (device == tunnel) continue;
    ++missing;
    const std::string where = device.empty() ? "nowhere" : "to " + device;
    out.add({prefix.length == 0 && !visit.config.has_value() ? Grade::warning : Grade::failure, "routes",
             fmt::format("Packets for {} go {}, not into the tunnel.", to_string(prefix), where),
             fmt::format("ip route add {} dev {}", to_string(prefix), tunnel)});
  }
  if (missing == 0) out.add({Grade::good, "routes", "Its allowed IPs are routed into the tunnel.", ""});
}

void check_endpoint(const Patient& patient, const PatientPeer& peer, Diagnosis& out) {
  if (!peer.endpoint) return;
  const std::string address = to_string(peer.endpoint->address);
  const Way way = way_towards(peer.endpoint->address, patient.fwmark);
  if (way.device.empty())
    return out.add({Grade::failure, "path", fmt::format("There is no route to its endpoint {}.", address),
                    "ip route get " + address});
  if (way.device == patient.interface)
    return out.add({Grade::failure, "path", fmt::format("Its endpoint {} is routed into the tunnel itself.", address),
                    fmt::format("ip route add {} via GATEWAY, or set a fwmark with a rule", address)});
  out.add({Grade::good, "path", fmt::format("Its endpoint {} is reached by {}.", address, way.device), ""});
  const bool behind_nat = way.source && !is_public(*way.source) && is_public(peer.endpoint->address);
  if (behind_nat && !peer.keeps_alive)
    out.add({Grade::note, "keepalive",
             fmt::format("This machine ({}) seems to be behind a NAT, where the peer reaches it only shortly after it "
                         "has spoken itself.",
                         to_string(*way.source)),
             fmt::format("wg set {} peer {} persistent-keepalive 25 (key: persistent_keepalive)", patient.interface,
                         peer.key)});
  else if (peer.keeps_alive)
    out.add({Grade::good, "keepalive", "It is sent, so that a NAT on the way remembers this machine.", ""});
  if (peer.endpoint->address.family != Family::v4 || !is_strict(way.device)) return;
  const bool marked = read_line("/proc/sys/net/ipv4/conf/all/src_valid_mark").value_or("0") == "1";
  if (device_towards(peer.endpoint->address, marked ? patient.fwmark : 0) == way.device) return;
  out.add({Grade::failure, "path",
           fmt::format("Answers that arrive at {} are dropped by its reverse-path filter.", way.device),
           "sysctl -w net.ipv4.conf.all.rp_filter=2"});
}

void check_data(const Visit& visit, const PatientPeer& peer, Diagnosis& out) {
  const Patient& patient = visit.patient;
  constexpr std::int64_t kRecent = 120;
  // Of a tunnel that is up: what is refused all the same.
  constexpr std::array<std::string_view, 6> kTold{"source_not_allowed", "too_big",       "inner_malformed",
                                                  "data_unanswered",    "old_timestamp", "unproven_key"};
  const bool told = std::find(kTold.begin(), kTold.end(), peer.last_problem) != kTold.end();
  if (told && peer.last_seconds_ago < kRecent && peer.last_problem != peer.problem)
    out.add({Grade::failure, "refused",
             peer.last_text + (peer.last_address.empty() ? "" : fmt::format(" (It is {}.)", peer.last_address)),
             peer.last_advice});
  const auto to = inner_address(visit, peer);
  if (!to || peer.state_name != "up") return;
  out.doing("sending echoes");
  switch (echo(patient.interface, *to, kEchoOctets, 2s)) {
    case EchoOutcome::refused:
      return out.add({Grade::note, "data", "No echo could be sent, which takes root; so the path inside was not tried.",
                      "sudo culvert doctor " + patient.interface});
    case EchoOutcome::too_big:
    case EchoOutcome::unanswered:
      return out.add({Grade::warning, "data",
                      fmt::format("There is a session, but {} does not answer echoes.", to_string(*to)),
                      "ask the doctor on the other end: its allowed IPs or its firewall may drop our packets"});
    case EchoOutcome::answered:
      break;
  }
  out.add({Grade::good, "data", fmt::format("{} answers, so that data goes both ways.", to_string(*to)), ""});
  check_mtu(patient, *to, out);
}

}  // namespace culvert::cli
