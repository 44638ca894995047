// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "plan.hpp"

namespace culvert::host {
namespace {

std::string words(const step::Firewall& step) { return "firewall table " + step.table; }
std::string words(const step::Sysctl& step) { return "sysctl " + step.key + " = " + step.value; }
std::string words(const step::Address& step) { return "address " + to_string(step.prefix); }
std::string words(const step::Mtu& step) { return fmt::format("MTU {}", step.octets); }
std::string words(const step::LinkUp&) { return "interface up"; }

std::string words(const step::Rule& step) {
  std::string text = fmt::format("IPv{} rule {}:", step.family == Family::v4 ? 4 : 6, step.priority);
  if (step.unless_mark) text += fmt::format(" unless marked {}", *step.unless_mark);
  if (step.to) text += " to " + to_string(*step.to);
  text += step.table == kMainTable ? " look in table main" : fmt::format(" look in table {}", step.table);
  if (step.suppress_prefix_length) text += fmt::format(" for more than /{}", *step.suppress_prefix_length);
  return text;
}

std::string words(const step::Route& step) {
  const std::string to = "route " + to_string(step.to);
  return step.table == kMainTable ? to : fmt::format("{} in table {}", to, step.table);
}

std::string words(const step::Dns& step) {
  std::string text = "DNS";
  for (const IpAddress& server : step.servers) text += " " + to_string(server);
  if (!step.search.empty()) text += fmt::format(" for {}", fmt::join(step.search, ", "));
  return text;
}

}  // namespace

std::string to_string(const Step& step) {
  return std::visit([](const auto& each) { return words(each); }, step);
}

}  // namespace culvert::host
