// SPDX-License-Identifier: MIT
// The UAPI's own parser and a device in memory judge what `to_uapi` writes: the difference applied to the old
// configuration must make the same device as the new configuration applied to nothing.
#include "../control/uapi_support.hpp"
#include "config_support.hpp"
#include "random_config.hpp"
#include "uapi_parse.hpp"
#include "uapi_text.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;
using culvert::control::test::ModelDevice;

namespace {

/// Without the keys that `wg` does not know.
std::string for_wg(const SecretText& text) {
  std::string out;
  std::string_view rest(text.data(), text.size());
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n') + 1);
    if (!line.starts_with("name=") && !line.starts_with("blocked=")) out += line;
    rest.remove_prefix(line.size());
  }
  return out;
}

void give(ModelDevice& device, const SecretText& text) {
  if (text.empty()) return;
  auto operation = control::parse_operation(for_wg(text));
  if (!operation) FAIL(operation.error().message());
  REQUIRE(std::holds_alternative<SetRequest>(*operation));
  REQUIRE(device.apply(std::get<SetRequest>(std::move(*operation))).has_value());
}

/// One line a peer, all but where it is reached.
std::string state(ModelDevice& device) {
  DeviceSnapshot snapshot = device.snapshot();
  std::string out = std::to_string(snapshot.listen_port) + ' ' + std::to_string(snapshot.fwmark) + '\n';
  for (PeerSnapshot& peer : snapshot.peers) {
    out += to_base64(peer.public_key) + ' ' + std::to_string(peer.persistent_keepalive.count());
    out += ' ' + std::to_string(unsigned{peer.preshared_key.secret.bytes()[0]});
    std::sort(peer.allowed_ips.begin(), peer.allowed_ips.end());
    for (const Prefix& prefix : peer.allowed_ips) out += ' ' + to_string(prefix);
    out += '\n';
  }
  return out;
}

class Edits {
 public:
  explicit Edits(std::uint64_t seed) : random_(seed) {}

  void change(Config& config, Config&& other) {
    if (maybe()) config.private_key = std::move(other.private_key);
    if (maybe()) config.listen_port = other.listen_port;
    if (maybe()) config.fwmark = other.fwmark;
    std::erase_if(config.peers, [this](const PeerConfig&) { return maybe() && maybe(); });
    for (PeerConfig& peer : config.peers) {
      if (maybe()) peer.preshared_key.secret.bytes()[0] ^= 1;
      if (maybe()) peer.persistent_keepalive = std::chrono::seconds(random_() % 3);
      if (maybe() && !peer.allowed_ips.empty()) peer.allowed_ips.pop_back();
    }
    // Addresses that wander from peer to peer are what an order of changes could get wrong.
    if (config.peers.size() >= 2) std::swap(config.peers.front().allowed_ips, config.peers.back().allowed_ips);
    if (maybe())
      for (PeerConfig& peer : other.peers) config.peers.push_back(std::move(peer));
    std::shuffle(config.peers.begin(), config.peers.end(), random_);
  }

 private:
  bool maybe() { return random_() % 2 == 0; }
  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("a difference brings a device to where the whole configuration brings it") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::size_t changed = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Config before = RandomConfig(seed + i).config();
    Config after = RandomConfig(seed + i).config();
    Edits(seed + i).change(after, RandomConfig(seed + i + 1000).config());

    ModelDevice wanted;
    give(wanted, to_uapi(after, {}));
    ModelDevice device;
    give(device, to_uapi(before, {}));
    const std::string old = state(device);
    give(device, to_uapi(before, {}, after, {}));
    CHECK(state(device) == state(wanted));
    changed += old == state(device) ? 0u : 1u;
  }
  CHECK(changed > 150);  // so that equality was no accident
}
