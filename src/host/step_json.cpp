// SPDX-License-Identifier: MIT
#include "step_json.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "json_number.hpp"

namespace culvert::host {
namespace {

using nlohmann::json;

json write(const step::Firewall& step) {
  return {{"do", "firewall"},
          {"table", step.table},
          {"text", step.text},
          {"required", step.need == step::Firewall::Need::required}};
}

json write(const step::Sysctl& step) { return {{"do", "sysctl"}, {"key", step.key}, {"value", step.value}}; }
json write(const step::Address& step) { return {{"do", "address"}, {"address", to_string(step.prefix)}}; }
json write(const step::Mtu& step) { return {{"do", "mtu"}, {"octets", step.octets}}; }
json write(const step::LinkUp&) { return {{"do", "up"}}; }
json write(const step::Route& step) { return {{"do", "route"}, {"to", to_string(step.to)}, {"table", step.table}}; }

json write(const step::Rule& step) {
  json out = {{"do", "rule"},
              {"family", step.family == Family::v4 ? 4 : 6},
              {"priority", step.priority},
              {"table", step.table}};
  if (step.unless_mark) out["unless_mark"] = *step.unless_mark;
  if (step.to) out["to"] = to_string(*step.to);
  if (step.suppress_prefix_length) out["suppress_prefix_length"] = *step.suppress_prefix_length;
  return out;
}

constexpr std::array kBackends = {"automatic", "resolved", "resolvconf", "file"};

json write(const step::Dns& step) {
  json servers = json::array();
  for (const IpAddress& server : step.servers) servers.push_back(to_string(server));
  return {{"do", "dns"},
          {"all_names", step.names == step::Dns::Names::all},
          {"backend", kBackends.at(static_cast<std::size_t>(step.backend))},
          {"servers", servers},
          {"search", step.search}};
}

// Readers throw, as the library does, on what is not there or has another type; step_from_json catches.

Prefix prefix_at(const json& in, const char* key) {
  const auto prefix = parse_prefix(in.at(key).get<std::string>());
  if (!prefix) throw std::invalid_argument(key);
  return *prefix;
}

std::optional<std::uint32_t> number_at(const json& in, const char* key) {
  if (!in.contains(key)) return std::nullopt;
  return number_from<std::uint32_t>(in.at(key));
}

step::Rule read_rule(const json& in) {
  step::Rule rule{.family = number_from<unsigned>(in.at("family")) == 4 ? Family::v4 : Family::v6,
                  .priority = number_from<std::uint32_t>(in.at("priority")),
                  .unless_mark = number_at(in, "unless_mark"),
                  .to = std::nullopt,
                  .table = number_from<std::uint32_t>(in.at("table")),
                  .suppress_prefix_length = number_at(in, "suppress_prefix_length")};
  if (in.contains("to")) rule.to = prefix_at(in, "to");
  return rule;
}

step::Dns read_dns(const json& in) {
  step::Dns dns{.names = in.at("all_names").get<bool>() ? step::Dns::Names::all : step::Dns::Names::search_only,
                .backend = config::DnsBackend::automatic,
                .servers = {},
                .search = in.at("search").get<std::vector<std::string>>()};
  const auto name = in.at("backend").get<std::string>();
  const auto* const found = std::find(kBackends.begin(), kBackends.end(), name);
  if (found == kBackends.end()) throw std::invalid_argument(name);
  dns.backend = static_cast<config::DnsBackend>(found - kBackends.begin());
  for (const json& text : in.at("servers")) {
    const auto address = parse_address(text.get<std::string>());
    if (!address) throw std::invalid_argument("servers");
    dns.servers.push_back(*address);
  }
  return dns;
}

Step read(const json& in) {
  const auto what = in.at("do").get<std::string>();
  if (what == "firewall")
    return step::Firewall{
        in.at("required").get<bool>() ? step::Firewall::Need::required : step::Firewall::Need::helpful,
        in.at("table").get<std::string>(), in.at("text").get<std::string>()};
  if (what == "sysctl") return step::Sysctl{in.at("key").get<std::string>(), in.at("value").get<std::string>()};
  if (what == "address") return step::Address{prefix_at(in, "address")};
  if (what == "mtu") return step::Mtu{number_from<std::uint32_t>(in.at("octets"))};
  if (what == "up") return step::LinkUp{};
  if (what == "rule") return read_rule(in);
  if (what == "route") return step::Route{prefix_at(in, "to"), number_from<std::uint32_t>(in.at("table"))};
  if (what == "dns") return read_dns(in);
  throw std::invalid_argument(what);
}

}  // namespace

json to_json(const Step& step) {
  return std::visit([](const auto& each) { return write(each); }, step);
}

std::optional<Step> step_from_json(const json& in) {
  try {
    return read(in);
  } catch (const json::exception&) {
  } catch (const std::invalid_argument&) {
  }
  return std::nullopt;
}

}  // namespace culvert::host
