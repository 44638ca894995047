// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "doctor_checks.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

config::PeerConfig peer(const std::string& name) {
  config::PeerConfig peer;
  peer.name = name;
  return peer;
}

std::size_t failures_of(const config::Config& config) {
  Diagnosis out{Diagnosis::Listener{}};
  check_configuration(config, 1000, out);
  return out.failures();
}

}  // namespace

TEST_CASE("peers that are switched off or over are a failure only where nobody else is left") {
  config::Config config;
  config.peers.push_back(peer("alice"));
  CHECK(failures_of(config) == 0);
  config.peers[0].expires = UnixTime{1000, 0};
  CHECK(failures_of(config) == 1);
  config.peers.push_back(peer("bob"));
  config.peers[1].enabled = false;
  CHECK(failures_of(config) == 2);
  config.peers.push_back(peer("carol"));
  CHECK(failures_of(config) == 0);
}
