// SPDX-License-Identifier: MIT
// What the host's packet filter makes of one packet, as far as its rules tell: read from `nft -j list ruleset`. A
// condition that cannot be judged is a "perhaps", so that nothing is called blocked which may not be. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <culvert/address.hpp>

namespace culvert::cli {

/// What is known of a packet; empty and nullopt: nothing.
struct FilteredPacket {
  std::string hook;  // "input", "forward"
  Family family = Family::v4;
  std::string from, to;  // interfaces
  std::string protocol;  // "udp"
  std::uint16_t port = 0;
  enum class Connection : std::uint8_t { fresh, known } connection = Connection::fresh;
};

struct FilterVerdict {
  enum class Fate : std::uint8_t { passes, may_be_dropped, dropped } fate = Fate::passes;
  // Where: of a policy the handle is 0.
  std::string family, table, chain;
  std::uint64_t handle = 0;
};

/// The worst of all base chains of the hook.
/// \param ruleset    the JSON; what is none lets everything pass.
/// \param own_table  of the tunnel itself, left out.
[[nodiscard]] FilterVerdict judge(std::string_view ruleset, const FilteredPacket& packet, std::string_view own_table);

/// The rule as a person would write it, out of `nft -a list ruleset`; of a policy "policy drop". Empty: not found.
[[nodiscard]] std::string rule_text(std::string_view listing, const FilterVerdict& verdict);

/// Who made the table, as far as its chains betray: "Docker", "ufw", "firewalld"; else empty.
[[nodiscard]] std::string owner_of(std::string_view listing, const FilterVerdict& verdict);

}  // namespace culvert::cli
