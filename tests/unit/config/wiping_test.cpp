// SPDX-License-Identifier: MIT
// Looks through the memory of this process for what should not be there any more.
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "config_support.hpp"
#include "key_text.hpp"
#include "peer_files.hpp"
#include "uapi_text.hpp"
#include "unique_fd.hpp"
#include "wg_quick_write.hpp"
#include "write.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

constexpr std::uint8_t kVeil = 0x5a;

/// The middle of a key's text, kept so that the search does not find its own needle.
class Needle {
 public:
  explicit Needle(const Secret<32>& key) {
    const auto text = crypto::encode_key(key.bytes());
    for (std::size_t i = 0; i < veiled_.size(); ++i) veiled_[i] = text.bytes()[i + 8] ^ kVeil;
  }
  [[nodiscard]] bool in(std::span<const char> memory) const {
    const auto same = [](char c, std::uint8_t veiled) { return (static_cast<std::uint8_t>(c) ^ kVeil) == veiled; };
    return std::search(memory.begin(), memory.end(), veiled_.begin(), veiled_.end(), same) != memory.end();
  }

 private:
  std::array<std::uint8_t, 24> veiled_{};
};

struct Region {
  unsigned long begin = 0, end = 0;
};

/// What can be written to, without the huge shadows of sanitizers.
std::vector<Region> writable_regions() {
  constexpr unsigned long kLargest = 1ul << 28;
  std::vector<Region> regions;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    Region region;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &region.begin, &region.end, mode) == 3 && mode[0] == 'r' &&
        mode[1] == 'w' && region.end - region.begin <= kLargest)
      regions.push_back(region);
  }
  return regions;
}

bool in_memory(const Needle& needle) {
  const io::UniqueFd memory(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  REQUIRE(memory.get() >= 0);
  bool found = false;
  for (const Region& region : writable_regions()) {
    SecretText copy(region.end - region.begin);
    const ssize_t n = ::pread(memory.get(), copy.data(), copy.size(), static_cast<off_t>(region.begin));
    if (n > 0) found = found || needle.in({copy.data(), static_cast<std::size_t>(n)});
  }
  return found;
}

struct Keys {
  Config config;

  Keys() {
    config.name = "wg0";
    randombytes_buf(config.private_key.secret.bytes().data(), 32);
    PeerConfig& peer = config.peers.emplace_back();
    peer.name = "anna";
    peer.public_key.octets[0] = 9;
    randombytes_buf(peer.preshared_key.secret.bytes().data(), 32);
  }
  [[nodiscard]] Needle own() const { return Needle(config.private_key.secret); }
  [[nodiscard]] Needle shared() const { return Needle(config.peers[0].preshared_key.secret); }
};

void write_secret(const std::string& path, const SecretText& text) {
  REQUIRE(write_file(path, {text.data(), text.size()}, Existing::replace));
}

}  // namespace

TEST_CASE("no copy of a key's text outlives the reading and writing of configurations") {
  REQUIRE(sodium_init() >= 0);
  const Folder folder;
  const Keys keys;
  {
    const SecretText text = to_toml(keys.config);
    CHECK(in_memory(keys.own()));  // the search works
    CHECK(in_memory(keys.shared()));
    write_secret(folder / "wg0.toml", text);
    write_secret(folder / "wg1.conf", to_wg_quick(keys.config).text);
  }
  CHECK(!in_memory(keys.own()));
  CHECK(!in_memory(keys.shared()));

  for (const char* file : {"wg0.toml", "wg1.conf"}) {
    const Loaded back = loaded(load(folder / file));
    CHECK(ct_equal(back.config.private_key.secret.bytes(), keys.config.private_key.secret.bytes()));
  }
  CHECK(!in_memory(keys.own()));
  CHECK(!in_memory(keys.shared()));

  PeerConfig changed;
  changed.name = "ben";
  changed.public_key.octets[0] = 10;
  REQUIRE(replace_peer(loaded(load(folder / "wg0.toml")).config.peers[0], changed));
  REQUIRE(remove_peer(folder / "wg0.toml", loaded(load(folder / "wg0.toml")).config.peers[0]));
  CHECK(!in_memory(keys.own()));
  CHECK(!in_memory(keys.shared()));
}

TEST_CASE("no copy of a key's text outlives a file that is refused") {
  REQUIRE(sodium_init() >= 0);
  const Folder folder;
  const Keys keys;
  write_secret(folder / "wg0.toml", to_toml(keys.config));
  {
    SecretText broken = to_toml(keys.config);
    for (const char c : std::string_view("[[peer]\n")) broken.push_back(c);
    write_secret(folder / "wg1.toml", broken);
  }
  REQUIRE(::chmod((folder / "wg0.toml").c_str(), 0644) == 0);
  CHECK(!load(folder / "wg0.toml"));
  CHECK(!load(folder / "wg1.toml"));
  CHECK(!in_memory(keys.own()));
  CHECK(!in_memory(keys.shared()));
}
