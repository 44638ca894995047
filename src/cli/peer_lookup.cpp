// SPDX-License-Identifier: MIT
#include "peer_lookup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "failure.hpp"
#include "suggest.hpp"
#include "values.hpp"

namespace culvert::cli {
io::UniqueFd lock_config(const Located& located) {
  io::UniqueFd fd(::open(located.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0)
    throw Failure(code_of_errno(errno),
                  fmt::format("{} cannot be opened: {}", located.path, std::generic_category().message(errno)));
  return fd;
}

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
