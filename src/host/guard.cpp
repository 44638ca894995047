// SPDX-License-Identifier: MIT
#include "guard.hpp"

#include <fmt/format.h>

#include "firewall.hpp"
#include "nft.hpp"

namespace culvert::host {
namespace {

Result<void, Failure> run(const std::string& what, const std::string& commands) {
  if (const auto done = run_nft(commands); !done)
    return Err{Failure{0, what, done.error(), "this needs root, and nf_tables in the kernel"}};
  return {};
}

}  // namespace

Result<void, Failure> raise_guard(const config::Config& config, std::string_view interface) {
  if (!config.firewall.kill_switch || guard_state(interface) == GuardState::raised) return {};
  return run(fmt::format("kill switch of {}", interface), boot_guard_text(config, interface));
}

Result<void, Failure> lift_guard(std::string_view interface) {
  return run(fmt::format("lifting the firewall of {}", interface), lift_text(interface));
}

GuardState guard_state(std::string_view interface) {
  return run_nft(fmt::format("list table inet {}", firewall_table(interface))) ? GuardState::raised
                                                                               : GuardState::absent;
}

}  // namespace culvert::host
