// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <netdb.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "doctor_checks.hpp"
#include "doctor_probe.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

using Grade = DoctorCheck::Grade;

/// Which families a name has addresses of.
struct Resolved {
  bool v4 = false, v6 = false;
  std::string error;
};

Resolved resolve(const std::string& host) {
  Resolved result;
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0) {
    result.error = ::gai_strerror(error);
    return result;
  }
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    result.v4 |= entry->ai_family == AF_INET;
    result.v6 |= entry->ai_family == AF_INET6;
  }
  ::freeaddrinfo(list);
  return result;
}

std::string line_with(const std::string& text, std::string_view first, std::string_view second) {
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    const std::string_view line = std::string_view(text).substr(from, to - from);
    if (line.find(first) != std::string_view::npos && line.find(second) != std::string_view::npos)
      return std::string(line.substr(line.find_first_not_of(" \t")));
    from = to + 1;
  }
  return "";
}

bool has_address(const std::string& interface) {
  const ProgramRun run = run_program({"ip", "-j", "addr", "show", "dev", interface});
  const auto links = nlohmann::json::parse(run.output, nullptr, false);
  if (!links.is_array() || links.empty()) return false;
  const auto found = links[0].find("addr_info");
  if (found == links[0].end() || !found->is_array()) return false;
  return std::any_of(found->begin(), found->end(),
                     [](const auto& address) { return address.value("scope", "") == "global"; });
}

}  // namespace

void check_configuration(const config::Config& config, std::int64_t now_unix, Diagnosis& out) {
  for (const config::PeerConfig& peer : config.peers) {
    if (!peer.enabled)
      out.push_back({Grade::failure, "configuration", fmt::format("The peer {} is switched off.", printable(peer.name)),
                     fmt::format("set enabled = true in its [peer]: {}", peer.place.file)});
    if (peer.expires && peer.expires->seconds <= now_unix)
      out.push_back({Grade::failure, "configuration", fmt::format("The time of peer {} is over.", printable(peer.name)),
                     fmt::format("set a later date at expires in its [peer]: {}", peer.place.file)});
  }
}

void check_names(const config::Config& config, Diagnosis& out) {
  for (const config::PeerConfig& peer : config.peers) {
    for (const config::HostPort& endpoint : peer.endpoints) {
      if (parse_address(endpoint.host)) continue;
      const Resolved resolved = resolve(endpoint.host);
      const std::string host = printable(endpoint.host);
      if (!resolved.v4 && !resolved.v6)
        out.push_back({Grade::failure, "names", fmt::format("The name {} does not resolve: {}.", host, resolved.error),
                       "check the name, and this machine's DNS: getent ahosts " + host});
      else
        out.push_back({Grade::good, "names",
                       fmt::format("{} resolves to {}.", host,
                                   resolved.v4 && resolved.v6 ? "IPv4 and IPv6"
                                   : resolved.v4              ? "IPv4"
                                                              : "IPv6"),
                       ""});
    }
  }
}

void check_clock(const std::vector<std::string>& files, std::int64_t now_unix, Diagnosis& out) {
  constexpr std::int64_t kTolerance = 60;
  for (const std::string& file : files) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0 || found.st_mtime <= now_unix + kTolerance) continue;
    return out.push_back({Grade::failure, "clock",
                          fmt::format("The clock is behind: {} was written {} from now.", file,
                                      span_text(std::chrono::seconds(found.st_mtime - now_unix))),
                          "set the clock (timedatectl set-ntp true): peers refuse handshakes older than the last"});
  }
  out.push_back({Grade::good, "clock", "The clock is not behind what was written here.", ""});
}

void check_link(const Patient& patient, Diagnosis& out) {
  const std::string& name = patient.interface;
  if (!read_line("/sys/class/net/" + name + "/mtu"))
    return out.push_back({Grade::failure, "link", "The interface is not in this network namespace.",
                          "run me where it is: ip netns exec NAMESPACE culvert doctor " + name});
  if (!patient.link_up)
    return out.push_back({Grade::failure, "link", "The interface is down.", "ip link set " + name + " up"});
  out.push_back({Grade::good, "link", "The interface is up.", ""});
  if (!patient.has_key)
    out.push_back({Grade::failure, "key", "The interface has no private key.", "wg set " + name + " private-key FILE"});
  if (has_address(name))
    out.push_back({Grade::good, "addresses", "The interface has an address.", ""});
  else
    out.push_back(
        {Grade::failure, "addresses", "The interface has no address.", "ip addr add ADDRESS/LENGTH dev " + name});
  if (patient.peers.empty())
    out.push_back({Grade::failure, "peers", "The interface has no peers.",
                   "wg set " + name + " peer PUBLIC-KEY allowed-ips ADDRESS"});
}

void check_firewall(const Patient& patient, Diagnosis& out) {
  const ProgramRun rules = run_program({"nft", "list", "ruleset"});
  if (rules.exit_code != 0) return;
  const std::string port = fmt::format("udp dport {} ", patient.port);
  for (const std::string_view verdict : {"drop", "reject"}) {
    const std::string rule = line_with(rules.output + "\n", port, verdict);
    if (!rule.empty())
      return out.push_back(
          {Grade::failure, "firewall",
           fmt::format("A rule on this machine refuses the tunnel's port: {}.", printable(rule)),
           fmt::format("allow UDP to port {}: nft -a list ruleset, nft delete rule ...", patient.port)});
  }
  const bool drops_all = !line_with(rules.output, "hook input", "policy drop").empty();
  if (drops_all && line_with(rules.output + "\n", port, "accept").empty())
    return out.push_back(
        {Grade::warning, "firewall",
         fmt::format("Input is dropped by policy, and no rule allows port {} by number.", patient.port),
         fmt::format("nft add rule inet filter input udp dport {} accept", patient.port)});
  out.push_back({Grade::good, "firewall", "No rule of nftables names the tunnel's port to refuse it.", ""});
}

void check_forwarding(bool is_gateway, Diagnosis& out) {
  if (!is_gateway) return;
  for (const char* key : {"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"}) {
    if (read_line(std::string("/proc/sys/") + key).value_or("1") != "0") continue;
    std::string name = key;
    std::replace(name.begin(), name.end(), '/', '.');
    return out.push_back({Grade::failure, "forwarding",
                          "Peers may use this machine as a gateway, but it forwards nothing: " + name + " = 0.",
                          "sysctl -w " + name + "=1"});
  }
  out.push_back({Grade::good, "forwarding", "The kernel forwards both families.", ""});
}

void check_queues(const Patient& patient, Diagnosis& out) {
  out.push_back({Grade::good, "offloads", "In use: " + patient.offloads + ".", ""});
  if (patient.fallbacks != 0)
    out.push_back(
        {Grade::note, "offloads",
         fmt::format("The kernel refused an offload {} times, and the plain way was taken.", patient.fallbacks), ""});
  if (patient.inside_queue_drops != 0)
    out.push_back({Grade::warning, "queues",
                   fmt::format("{} packets found the interface's queue full.", patient.inside_queue_drops),
                   fmt::format("ip link set {} txqueuelen 2000", patient.interface)});
  if (patient.outside_queue_drops != 0)
    out.push_back({Grade::warning, "queues",
                   fmt::format("{} datagrams found the receive buffer full.", patient.outside_queue_drops),
                   "sysctl -w net.core.rmem_max=8388608, and restart the tunnel"});
}

}  // namespace culvert::cli
