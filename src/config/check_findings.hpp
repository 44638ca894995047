// SPDX-License-Identifier: MIT
// How the checks word their findings: by section and key of the interface, by name and key of a peer.
#pragma once

#include <string>
#include <vector>

#include "config.hpp"
#include "values.hpp"

namespace culvert::config {

class CheckFindings {
 public:
  using Grade = Finding::Grade;

  explicit CheckFindings(const Config& config) : config_(config) {}

  void add(Grade grade, std::string_view key, std::string value, std::string reason) {
    out_.push_back({grade, config_.place, std::string(key), std::move(value), std::move(reason)});
  }
  void add(Grade grade, const PeerConfig& peer, std::string_view key, std::string value, std::string reason) {
    std::string label = "peer " + peer.name;
    if (!key.empty()) label.append(": ").append(key);
    out_.push_back({grade, peer.place, std::move(label), std::move(value), std::move(reason)});
  }
  [[nodiscard]] std::vector<Finding> take() { return std::move(out_); }

 private:
  const Config& config_;
  std::vector<Finding> out_;
};

/// What `check` asks of the peers.
void check_peers(const Config& config, CheckFindings& out);

}  // namespace culvert::config
