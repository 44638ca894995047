// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "dns_probe.hpp"
#include "doctor_checks.hpp"
#include "doctor_probe.hpp"
#include "resolvers.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

using Grade = DoctorCheck::Grade;

constexpr std::chrono::milliseconds kAnswerWithin{2000};
constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr const char* kAllOfResolved = "/run/systemd/resolve/resolv.conf";

std::string text_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

NameServers read_name_servers() {
  NameServers servers{nameservers_in(text_of(kResolvConf)), {}};
  const bool stub = std::any_of(servers.asked.begin(), servers.asked.end(),
                                [](const NameServer& each) { return is_stub_of_resolved(each.address); });
  if (!stub) return servers;
  const ProgramRun dns = run_program({"resolvectl", "dns"});
  if (dns.exit_code != 0) return {nameservers_in(text_of(kAllOfResolved)), {}};
  return servers_of_resolved(dns.output, run_program({"resolvectl", "domain"}).output,
                             run_program({"resolvectl", "default-route"}).output);
}

std::string device_of(const NameServer& server) {
  return server.link.empty() ? device_towards(server.address, 0) : server.link;
}

/// All names are to be asked inside, by what the file says or since everything goes there.
bool wants_all_inside(const Visit& visit) {
  if (visit.takes_all(Family::v4) || visit.takes_all(Family::v6)) return true;
  if (!visit.config) return false;
  return visit.config->firewall.kill_switch || (!visit.config->dns.servers.empty() && visit.config->dns.search.empty());
}

std::string mend_of_leak(const Visit& visit) {
  if (!visit.config) return "DNS = an address inside the tunnel, in the file of wg-quick";
  return fmt::format("servers = [\"ADDRESS-INSIDE\"] in [dns], then culvert reload {}", visit.patient.interface);
}

void check_answer(const IpAddress& server, const std::string& interface, Diagnosis& out) {
  const std::string address = to_string(server);
  out.doing("asking " + address);
  const DnsReply reply = ask_resolver(server, kAnswerWithin);
  const std::string by_hand = "dig @" + address + " . NS";
  switch (reply.outcome) {
    case DnsOutcome::answered:
      if (reply.code == 0)
        return out.add({Grade::good, "answer",
                        fmt::format("{} answers through {}, within {} ms.", address, interface,
                                    std::max<std::int64_t>(reply.took.count(), 1)),
                        ""});
      return out.add({Grade::warning, "answer",
                      fmt::format("{} answers, but only that it {} (code {}).", address,
                                  reply.code == 5 ? "refuses" : "failed", reply.code),
                      "let it serve the tunnel's addresses, and look whom it asks itself: " + by_hand});
    case DnsOutcome::unanswered:
      return out.add({Grade::failure, "answer",
                      fmt::format("{} does not answer questions for names through {}.", address, interface),
                      "check that it serves the tunnel's addresses, and the firewall before it: " + by_hand});
    case DnsOutcome::port_closed:
      return out.add({Grade::failure, "answer", fmt::format("Nobody answers for names on port 53 of {}.", address),
                      "start the resolver there, listening on the tunnel's address: " + by_hand});
    case DnsOutcome::unreachable:
      return out.add({Grade::failure, "answer", fmt::format("{} cannot be reached.", address), by_hand});
    case DnsOutcome::forbidden:
      return out.add({Grade::failure, "answer",
                      fmt::format("This machine's own firewall forbids questions to {}.", address),
                      "nft list ruleset"});
  }
}

void check_server(const Visit& visit, const NameServer& server, Diagnosis& out) {
  const std::string address = to_string(server.address);
  if (is_loopback(server.address))
    return out.add(
        {Grade::note, "resolver",
         fmt::format("Names are asked of {}, a program of this machine. Whom it asks is not seen here.", address), ""});
  const std::string device = device_of(server);
  if (device == visit.patient.interface) {
    out.add({Grade::good, "resolver", fmt::format("Names are asked of {}, inside the tunnel.", address), ""});
    if (visit.depth == Visit::Depth::thorough) check_answer(server.address, device, out);
    return;
  }
  const std::string way = device.empty() ? "and there is no route to it" : "by " + device + ", outside the tunnel";
  if (wants_all_inside(visit))
    return out.add(
        {Grade::failure, "leak", fmt::format("Names are asked of {}, {}.", address, way), mend_of_leak(visit)});
  out.add({Grade::note, "resolver",
           fmt::format("Names are asked of {}, {}, which takes only some networks.", address, way), ""});
}

/// Those that the file names and the host does not know.
bool check_wanted(const Visit& visit, const NameServers& servers, Diagnosis& out) {
  if (!visit.config) return true;
  bool all = true;
  for (const IpAddress& wanted : visit.config->dns.servers) {
    const bool hidden = !servers.asked.empty() && is_loopback(servers.asked.front().address);
    if (servers.knows(wanted) || hidden) continue;
    all = false;
    std::string others;
    for (const NameServer& each : servers.asked) others += (others.empty() ? "" : ", ") + to_string(each.address);
    out.add({Grade::failure, "resolver",
             fmt::format("The file's resolver {} is not asked by this host, which asks {}.", to_string(wanted),
                         others.empty() ? "nobody" : others),
             fmt::format("culvert down {0} && culvert up {0}; see backend in [dns]", visit.patient.interface)});
  }
  return all;
}

void check_outside(const Visit& visit, Diagnosis& out) {
  const bool guarded = visit.config.has_value() && visit.config->firewall.kill_switch;
  for (const Family family : {Family::v4, Family::v6}) {
    if (!guarded && !visit.takes_all(family)) continue;
    const std::string device = default_device(family);
    if (device.empty() || device == visit.patient.interface) continue;
    const std::string question = fmt::format("a question over IPv{}", family == Family::v4 ? 4 : 6);
    switch (try_outside(device, family)) {
      case OutsideWay::none:
        continue;
      case OutsideWay::shut:
        out.add({Grade::good, "leak", fmt::format("This machine lets not even {} out by {}.", question, device), ""});
        continue;
      case OutsideWay::open:
        break;
    }
    if (guarded)
      out.add({Grade::failure, "leak", fmt::format("In spite of the kill switch {} leaves by {}.", question, device),
               fmt::format("culvert down {0} && culvert up {0}", visit.patient.interface)});
    else
      out.add({Grade::note, "leak",
               fmt::format("Routes alone keep names inside: a program that insists on {} can ask there.", device),
               "kill_switch = true in [firewall] closes that"});
  }
}

}  // namespace

void check_dns(const Visit& visit, Diagnosis& out) {
  const NameServers servers = read_name_servers();
  const bool all_inside = wants_all_inside(visit);
  if (servers.asked.empty())
    out.add({all_inside ? Grade::warning : Grade::note, "resolver", "This host asks nobody for names.",
             all_inside ? mend_of_leak(visit) : "echo nameserver ADDRESS >> /etc/resolv.conf"});
  if (check_wanted(visit, servers, out))
    for (const NameServer& server : servers.asked) check_server(visit, server, out);
  if (visit.depth == Visit::Depth::glance) return;
  for (const NameServer& server : servers.other)
    if (device_of(server) == visit.patient.interface) check_answer(server.address, visit.patient.interface, out);
  check_outside(visit, out);
}

}  // namespace culvert::cli
