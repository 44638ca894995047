// SPDX-License-Identifier: MIT
#include "peer_lookup.hpp"

#include <fmt/format.h>

#include <vector>

#include "failure.hpp"
#include "suggest.hpp"
#include "values.hpp"

namespace culvert::cli {

const config::PeerConfig& find_peer(const config::Config& config, const std::string& name_or_key) {
  const auto key = parse_public_key(name_or_key);
  for (const config::PeerConfig& peer : config.peers)
    if (key ? peer.public_key == *key : peer.name == name_or_key) return peer;
  std::vector<std::string_view> names;
  for (const config::PeerConfig& peer : config.peers) names.emplace_back(peer.name);
  const std::string_view near = nearest(name_or_key, names);
  throw Failure(ExitCode::failed,
                fmt::format("{} has no peer \"{}\"; {}", config.name, config::excerpt(name_or_key),
                            near.empty() ? fmt::format("culvert peer list {} shows those that it has", config.name)
                                         : fmt::format("did you mean \"{}\"?", config::excerpt(near))));
}

}  // namespace culvert::cli
