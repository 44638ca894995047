// SPDX-License-Identifier: MIT
#include "resolvers.hpp"

#include <algorithm>
#include <map>
#include <sstream>

namespace culvert::cli {
namespace {

/// "192.0.2.1", "192.0.2.1#name", "fe80::1%eth0"
std::optional<NameServer> server_of(std::string_view word) {
  const std::size_t end = std::min(word.find('#'), word.size());
  const std::size_t scope = std::min(word.find('%'), end);
  const auto address = parse_address(word.substr(0, scope));
  if (!address) return std::nullopt;
  return NameServer{*address, scope < end ? std::string(word.substr(scope + 1, end - scope - 1)) : std::string()};
}

/// The words of each line by what stands before its colon: "Global", or the name of "Link 2 (eth0)".
std::map<std::string, std::vector<std::string>> by_link(std::string_view text) {
  std::map<std::string, std::vector<std::string>> found;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    const std::string head = line.substr(0, colon != std::string::npos ? colon : line.find(':'));
    const std::size_t open = head.find('('), close = head.rfind(')');
    const bool is_link = open != std::string::npos && close != std::string::npos && open < close;
    auto& words = found[is_link ? head.substr(open + 1, close - open - 1) : head];
    if (colon == std::string::npos) continue;
    std::istringstream rest(line.substr(colon + 2));
    for (std::string word; rest >> word;) words.push_back(word);
  }
  return found;
}

}  // namespace

bool NameServers::knows(const IpAddress& address) const noexcept {
  const auto is_it = [&](const NameServer& server) { return server.address == address; };
  return std::any_of(asked.begin(), asked.end(), is_it) || std::any_of(other.begin(), other.end(), is_it);
}

std::vector<NameServer> nameservers_in(std::string_view resolv_conf) {
  std::vector<NameServer> servers;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword, value;
    words >> keyword >> value;
    if (keyword != "nameserver") continue;
    if (const auto server = server_of(value)) servers.push_back(*server);
  }
  return servers;
}

bool is_stub_of_resolved(const IpAddress& address) noexcept {
  return address == *parse_address("127.0.0.53") || address == *parse_address("127.0.0.54");
}

NameServers servers_of_resolved(std::string_view dns, std::string_view domain, std::string_view default_route) {
  const auto servers = by_link(dns), domains = by_link(domain), defaults = by_link(default_route);
  const auto says = [](const auto& table, const std::string& link, std::string_view word) {
    const auto found = table.find(link);
    return found != table.end() && std::find(found->second.begin(), found->second.end(), word) != found->second.end();
  };
  const auto takes_all = [&](const auto& entry) { return says(domains, entry.first, "~."); };
  const bool some_takes_all = std::any_of(servers.begin(), servers.end(), takes_all);
  NameServers result;
  for (const auto& [link, words] : servers) {
    const bool is_default = link == "Global" || says(defaults, link, "yes");
    const bool asked = some_takes_all ? says(domains, link, "~.") : is_default;
    for (const std::string& word : words) {
      auto server = server_of(word);
      if (!server) continue;
      if (server->link.empty() && server->address.family == Family::v6 &&
          masked({server->address, 10}) == *parse_prefix("fe80::/10"))
        server->link = link;
      (asked ? result.asked : result.other).push_back(std::move(*server));
    }
  }
  return result;
}

}  // namespace culvert::cli
