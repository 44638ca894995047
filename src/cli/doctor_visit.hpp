// SPDX-License-Identifier: MIT
// Whom the doctor looks at: the file, what the daemon tells, and what the host's packet filter holds, read once.
#pragma once

#include <optional>
#include <string>

#include "config.hpp"
#include "doctor_report.hpp"
#include "doctor_status.hpp"
#include "host_inquiry.hpp"

namespace culvert::cli {

/// The host's rules, in nft's two forms. Empty where they cannot be read.
struct PacketFilter {
  bool readable = false;
  std::string json, listing;
};

/// Whom the doctor looks at.
struct Visit {
  Patient patient;
  std::optional<config::Config> config;  // nullopt: the tunnel obeys `wg`
  std::optional<HostStatus> host;        // nullopt: no host half answers
  PacketFilter filter;
  std::vector<IpAddress> own;  // this machine's addresses, which are no peer's
  enum class Depth : std::uint8_t { thorough, glance } depth = Depth::thorough;  // a glance sends nothing

  /// Some peer is to get all traffic of the family, or as good as all.
  [[nodiscard]] bool takes_all(Family family) const noexcept;
  /// The tunnel's own table of nftables, and its rules as text; empty: there is none.
  [[nodiscard]] std::string own_table() const;
  [[nodiscard]] std::string own_rules() const;
};

/// Reads the file, asks the daemon, and adds what is wrong with either.
/// \returns nullopt where no daemon answers.
[[nodiscard]] std::optional<Visit> begin_visit(const std::string& name, const std::string& config_folder,
                                               const SocketFolders& folders, Visit::Depth depth, Diagnosis& out);

}  // namespace culvert::cli
