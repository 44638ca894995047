// SPDX-License-Identifier: MIT
#include "dns.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "resolv_file.hpp"
#include "resolvconf.hpp"
#include "resolved.hpp"

namespace culvert::host {
namespace {

using config::DnsBackend;

constexpr std::string_view kWay = "way";

/// Whom the applications of this host ask: the stub of resolved stands in the file, or the file is one that it writes.
bool asks_resolved(const std::string& resolv_conf) {
  if (read_link(resolv_conf).find("systemd/resolve/") != std::string::npos) return true;
  const auto text = read_text(resolv_conf);
  return text && text->find("nameserver 127.0.0.53") != std::string::npos;
}

/// systemd-resolved brings a program named resolvconf along that only asks resolved, which may not run.
bool asks_resolved_only(const std::string& program) {
  std::error_code none;
  return std::filesystem::canonical(program, none).filename() == "resolvectl";
}

DnsBackend choose_way(const DnsPlaces& places, DnsBackend wish) {
  if (wish != DnsBackend::automatic) return wish;
  if (asks_resolved(places.resolv_conf) && resolved_answers(places.bus)) return DnsBackend::resolved;
  const std::string program = find_resolvconf(places);
  if (!program.empty() && !asks_resolved_only(program)) return DnsBackend::resolvconf;
  return DnsBackend::file;
}

std::string way_of(const Before& before) {
  const auto way = before.find(std::string(kWay));
  return way == before.end() ? "" : way->second;
}

bool is_by_file(const Made& made) {
  return std::holds_alternative<step::Dns>(made.step) && way_of(made.before) == "file";
}

/// What another tunnel remembers whose text stands in the file; nullopt: it is nobody's text.
std::optional<Before> before_whose_text(const std::string& path, const std::string& journals,
                                        const std::string& interface) {
  for (const JournalContent& other : other_journals(journals, interface, boot_id()))
    for (const Made& made : other.made)
      if (is_by_file(made) && is_resolv_file_of(path, other.interface)) return made.before;
  return std::nullopt;
}

/// The file as another tunnel wants it, which had set it over the same past and is still up.
std::optional<Result<void, Failure>> leave_to_another(const std::string& path, const std::string& journals,
                                                      const std::string& interface, const Before& before) {
  const std::string boot = boot_id();
  for (const JournalContent& other : other_journals(journals, interface, boot))
    for (const Made& made : other.made)
      if (other.boot == boot && is_by_file(made) && made.before == before)
        return set_resolv_file(path, other.interface, resolv_conf_text(std::get<step::Dns>(made.step)));
  return std::nullopt;
}

Result<void, Failure> restore_file(const std::string& path, const std::string& journals, const std::string& interface,
                                   const Before& before) {
  if (!is_resolv_file_of(path, interface)) return {};
  if (auto left = leave_to_another(path, journals, interface, before)) return std::move(*left);
  return restore_resolv_file(path, interface, before);
}

std::vector<IpAddress> servers_in(const std::string& text) {
  std::vector<IpAddress> servers;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword, value;
    words >> keyword >> value;
    if (keyword != "nameserver") continue;
    if (const auto address = parse_address(value.substr(0, value.find('%')))) servers.push_back(*address);
  }
  return servers;
}

}  // namespace

std::string resolv_conf_text(const step::Dns& step) {
  std::string text;
  for (const IpAddress& server : step.servers) text += fmt::format("nameserver {}\n", to_string(server));
  std::string search;
  for (const std::string& domain : step.search)
    if (domain.front() != '~')
      search += " " + domain;  // with a tilde it only leads somewhere, which these files cannot say
  if (!search.empty()) text += "search" + search + "\n";
  return text;
}

Result<Before, Failure> look_at_dns(const DnsPlaces& places, const std::string& journals, const std::string& interface,
                                    const step::Dns& step) {
  switch (choose_way(places, step.backend)) {
    case DnsBackend::resolved:
      return look_at_resolved(interface);
    case DnsBackend::resolvconf:
      return look_at_resolvconf(places, interface);
    case DnsBackend::automatic:
    case DnsBackend::file:
      break;
  }
  if (auto known = before_whose_text(places.resolv_conf, journals, interface)) return std::move(*known);
  return look_at_resolv_file(places.resolv_conf);
}

Result<void, Failure> set_dns(const DnsPlaces& places, const std::string& interface, const step::Dns& step,
                              const Before& before) {
  const std::string way = way_of(before);
  if (way == "resolved") return set_resolved(places.bus, interface, step);
  if (way == "resolvconf") return set_resolvconf(places, before, resolv_conf_text(step));
  return set_resolv_file(places.resolv_conf, interface, resolv_conf_text(step));
}

Result<void, Failure> restore_dns(const DnsPlaces& places, const std::string& journals, const std::string& interface,
                                  const Before& before) {
  const std::string way = way_of(before);
  if (way == "resolved") return restore_resolved(places.bus, interface, before);
  if (way == "resolvconf") return restore_resolvconf(places, before);
  if (way == "file") return restore_file(places.resolv_conf, journals, interface, before);
  return {};
}

std::vector<IpAddress> outside_resolvers(const DnsPlaces& places, const std::vector<Made>& made) {
  std::vector<IpAddress> servers, ours;
  for (const Made& each : made)
    if (const auto* const dns = std::get_if<step::Dns>(&each.step)) {
      ours = dns->servers;
      servers = servers_in(text_before(each.before));
    }
  if (servers.empty())
    if (const auto text = read_text(places.outside_list)) servers = servers_in(*text);
  if (servers.empty())
    if (const auto text = read_text(places.resolv_conf)) servers = servers_in(*text);
  std::erase_if(servers, [&](const IpAddress& server) {
    return is_loopback(server) || std::find(ours.begin(), ours.end(), server) != ours.end();
  });
  return servers;
}

}  // namespace culvert::host
