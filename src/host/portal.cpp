// SPDX-License-Identifier: MIT
#include "portal.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "firewall.hpp"
#include "nft.hpp"

namespace culvert::host {
namespace {

constexpr std::array kSets = {"portal_web", "portal_users", "portal_names", "portal_resolvers4", "portal_resolvers6"};
constexpr std::array kMaps = {"portal_to4", "portal_to6"};

std::string shut_text(const std::string& table) {
  std::string text;
  for (const char* const set : kSets) text += fmt::format("flush set inet {} {}\n", table, set);
  for (const char* const map : kMaps) text += fmt::format("flush map inet {} {}\n", table, map);
  return text;
}

/// nftables speaks of a missing table in its own words, which say nothing to whoever asked for a portal.
Failure failure(std::string_view interface, const std::string& complaint) {
  return {0, fmt::format("captive portal of {}", interface), complaint,
          "it opens a kill switch: is the tunnel up, with kill_switch = true?"};
}

}  // namespace

std::string portal_text(std::string_view interface, const PortalRequest& request) {
  const std::string table = firewall_table(interface);
  std::string text = shut_text(table);
  const auto add = [&](const std::string& set, const std::string& key, const std::string& value = "") {
    text += fmt::format("add element inet {} {} {{ {} timeout {}s{} }}\n", table, set, key, request.time.count(),
                        value.empty() ? "" : " : " + value);
  };
  if (request.user) {
    add("portal_users", std::to_string(*request.user));
  } else {
    add("portal_web", "ipv4");
    add("portal_web", "ipv6");
  }
  for (const Family family : {Family::v4, Family::v6}) {
    const std::string digit = family == Family::v4 ? "4" : "6";
    const auto of_family = [&](const IpAddress& each) { return each.family == family; };
    const auto first = std::find_if(request.resolvers.begin(), request.resolvers.end(), of_family);
    if (first == request.resolvers.end()) continue;
    add("portal_names", "ipv" + digit);
    add("portal_to" + digit, "ipv" + digit, to_string(*first));
    for (const IpAddress& each : request.resolvers)
      if (of_family(each)) add("portal_resolvers" + digit, to_string(each));
  }
  return text;
}

Result<void, Failure> open_portal(std::string_view interface, const PortalRequest& request) {
  if (request.time < std::chrono::seconds(1) || request.time > kLongestPortal)
    return Err{Failure{0, fmt::format("captive portal of {}", interface),
                       fmt::format("{} s is no time for it", request.time.count()), "take 1 s to 3600 s"}};
  if (const auto done = run_nft(portal_text(interface, request)); !done) return Err{failure(interface, done.error())};
  return {};
}

Result<void, Failure> close_portal(std::string_view interface) {
  if (const auto done = run_nft(shut_text(firewall_table(interface))); !done)
    return Err{failure(interface, done.error())};
  return {};
}

std::optional<std::chrono::seconds> portal_left(std::string_view interface) {
  std::int64_t longest = 0;
  for (const char* const set : {"portal_web", "portal_users"}) {
    const auto listed = ask_nft(fmt::format("list set inet {} {}", firewall_table(interface), set));
    if (!listed) return std::nullopt;
    const auto document = nlohmann::json::parse(*listed, nullptr, false);
    try {
      for (const auto& object : document.at("nftables"))
        if (object.contains("set") && object.at("set").contains("elem"))
          for (const auto& element : object.at("set").at("elem"))
            longest = std::max(longest, element.at("elem").at("expires").get<std::int64_t>());
    } catch (const nlohmann::json::exception&) {
      return std::nullopt;
    }
  }
  if (longest == 0) return std::nullopt;
  return std::chrono::seconds(longest);
}

}  // namespace culvert::host
