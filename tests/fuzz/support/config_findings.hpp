// SPDX-License-Identifier: MIT
// What holds for every result of reading a configuration, whatever the text.
#pragma once

#include <string>

#include "input.hpp"
#include "load.hpp"

namespace culvert::fuzz {

/// A good part of the private key in the seeds. It is told by nothing but a value that was written where no secret
/// belongs.
inline constexpr const char* kSeedSecret = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

inline void check_finding(const config::Finding& finding) {
  const std::string message = finding.message();
  require(!message.empty() && message.size() < 4096, "a finding is one line of bearable length");
  for (const char c : message)
    require(static_cast<unsigned char>(c) >= ' ' && c != 0x7f, "a finding has no control characters");
  require(finding.key.find(kSeedSecret) == std::string::npos && finding.reason.find(kSeedSecret) == std::string::npos,
          "a finding does not tell a key");
  std::string key = finding.key;
  for (char& c : key) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const char* secret : {"privatekey", "private_key", "presharedkey", "preshared_key"})
    if (key.ends_with(secret)) require(finding.value.empty(), "nor a value of a secret key");
  require(!finding.reason.empty(), "a finding has a reason");
}

inline void check_result(const config::LoadResult& result) {
  if (!result) {
    require(!result.error().empty(), "no configuration, so there is an error");
    bool any = false;
    for (const config::Finding& finding : result.error()) {
      check_finding(finding);
      any |= finding.grade == config::Finding::Grade::error;
    }
    require(any, "one of the findings is an error");
    return;
  }
  for (const config::Finding& finding : result->warnings) {
    check_finding(finding);
    require(finding.grade == config::Finding::Grade::warning, "with a configuration there are only warnings");
  }
  const config::Config& c = result->config;
  for (const config::PeerConfig& peer : c.peers) {
    require(peer.persistent_keepalive.count() >= 0 && peer.persistent_keepalive.count() <= 65535,
            "a keepalive in range");
    for (const Prefix& prefix : peer.allowed_ips) require(prefix == masked(prefix), "allowed IPs have no host bits");
  }
}

}  // namespace culvert::fuzz
