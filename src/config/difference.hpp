// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "config.hpp"

namespace culvert::config {

/// One thing in which two configurations differ.
struct Difference {
  enum class Kind : std::uint8_t { added, removed, changed };

  Kind kind = Kind::changed;
  std::string key;     // "interface.listen_port", "peer alice", "peer alice: allowed_ips"
  std::string before;  // as in a file; "(none)" where there is nothing; empty for secrets
  std::string after;

  /// "+ peer alice", "- peer bob", "~ interface.mtu: 1420 -> 1280", "~ interface.private_key: changed".
  [[nodiscard]] std::string line() const;
};

/// All of them, in the order of the schema; peers are the same when their public keys are. Places do not count.
/// Two configurations without a difference behave the same.
[[nodiscard]] std::vector<Difference> differences(const Config& before, const Config& after);

}  // namespace culvert::config
