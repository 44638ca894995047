// SPDX-License-Identifier: MIT
// What is left of keys in the memory of this very process: all writable memory is searched, the stack included. The
// keys that are looked for are kept inverted, so that the search does not find itself.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>

#include "node.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

// Not each build has the case that uses these.
namespace {

class [[maybe_unused]] Wanted {
 public:
  // In a frame of its own: clang keeps the key that it has yet to invert in that of the test.
  [[gnu::noinline]] explicit Wanted(std::span<const std::uint8_t, 32> key) {
    std::transform(key.begin(), key.end(), inverted_.begin(),
                   [](std::uint8_t octet) { return static_cast<std::uint8_t>(~octet); });
  }
  /// How often the key stands in `memory`.
  [[nodiscard]] std::size_t count(Bytes memory) const {
    std::size_t found = 0;
    const auto same = [](std::uint8_t octet, std::uint8_t inverted) {
      return octet == static_cast<std::uint8_t>(~inverted);
    };
    for (auto at = memory.begin();
         (at = std::search(at, memory.end(), inverted_.begin(), inverted_.end(), same)) != memory.end(); ++at)
      ++found;
    return found;
  }

 private:
  Octets<32> inverted_{};
};

/// Counts all keys in all writable mappings. A sanitizer's shadow, of terabytes, is left out.
[[maybe_unused]] std::vector<std::size_t> search_memory(const std::vector<Wanted>& keys) {
  constexpr std::uint64_t kLargest = 1u << 30;
  std::vector<std::size_t> found(keys.size());
  std::ifstream maps("/proc/self/maps");
  const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  REQUIRE(memory >= 0);
  std::vector<std::uint8_t> piece;
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t from = 0, to = 0;
    char access[5] = "";
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s", &from, &to, access) != 3) continue;
    if (access[0] != 'r' || access[1] != 'w' || to - from > kLargest) continue;
    piece.resize(static_cast<std::size_t>(to - from));
    const ssize_t got = ::pread(memory, piece.data(), piece.size(), static_cast<off_t>(from));
    if (got > 0)
      for (std::size_t i = 0; i < keys.size(); ++i)
        found[i] += keys[i].count(Bytes(piece).first(static_cast<std::size_t>(got)));
    sodium_memzero(piece.data(), piece.size());
  }
  ::close(memory);
  return found;
}

}  // namespace

// Without optimisation, and under a sanitizer, values are spilled to places of which no code of ours knows; and under
// an emulator, which other machines are tested by, /proc/self/mem is the emulator's.
#if defined(__OPTIMIZE__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

TEST_CASE("540 s after its last session no key of a peer is left in memory, and of a handshake nothing at its end") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  const PendingInitiation& pending = *pair.a.peer(pair.b_of_a).pending;
  const std::vector<Wanted> of_handshake = {Wanted(pending.ephemeral.secret.bytes()),
                                            Wanted(pending.chaining_key.bytes())};
  for (const std::size_t times : search_memory(of_handshake)) REQUIRE(times > 0);
  (void)pair.run(call);
  REQUIRE(pair.a.peer(pair.b_of_a).sessions.current);
  for (const std::size_t times : search_memory(of_handshake)) CHECK(times == 0);

  const SessionKeys& keys = pair.a.peer(pair.b_of_a).sessions.current->keys;
  const std::vector<Wanted> of_session = {Wanted(keys.send.bytes()), Wanted(keys.receive.bytes())};
  for (const std::size_t times : search_memory(of_session)) REQUIRE(times > 0);
  pair.clock.advance(540s);
  (void)pair.a.timers();
  (void)pair.b.timers();
  REQUIRE(pair.a.peer(pair.b_of_a).sessions.empty());
  REQUIRE(pair.b.peer(pair.a_of_b).sessions.empty());
  for (const std::size_t times : search_memory(of_session)) CHECK(times == 0);
}

#endif
