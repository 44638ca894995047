// SPDX-License-Identifier: MIT
#include "handshake_workers.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <hex.hpp>

#include "seeded_entropy.hpp"
#include "x25519.hpp"

using namespace culvert;
using namespace culvert::engine;

namespace {

KeyPair key_pair(std::uint64_t seed) {
  test::SeededEntropy entropy(seed);
  KeyPair pair{crypto::generate_private_key(entropy), {}};
  pair.public_key = crypto::public_key(pair.private_key);
  return pair;
}

/// Waits until a worker wakes control.
void wait(Wakeup& wakeup) {
  pollfd woken{.fd = wakeup.descriptor(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&woken, 1, 30'000) == 1);
  wakeup.clear();
}

}  // namespace

TEST_CASE("jobs from many senders come back computed, each once, and no more are under way than may be") {
  const auto identity = std::make_shared<const KeyPair>(key_pair(1));
  constexpr std::uint32_t kJobs = 200;
  Wakeup done;
  HandshakeWorkers workers(2, done);
  std::vector<PublicKey> claimed(kJobs);
  std::uint32_t submitted = 0, taken = 0;
  while (taken < kJobs) {
    while (submitted < kJobs && !workers.full()) {
      const KeyPair caller = key_pair(100 + submitted);
      Secret<32> shared;
      REQUIRE(crypto::x25519(caller.private_key, identity->public_key, shared));
      const auto made =
          make_initiation(caller, identity->public_key, shared, key_pair(1000 + submitted), {}, submitted);
      HandshakeJob job{
          .identity = identity, .from = {}, .local = {}, .step = ClaimJob{made->message, {}}, .refused = {}};
      workers.submit(std::move(job));
      ++submitted;
    }
    CHECK(workers.under_way() <= 16);
    wait(done);
    while (auto job = workers.take()) {
      REQUIRE_FALSE(job->refused);
      const auto& claim = std::get<ClaimJob>(job->step);
      REQUIRE(claim.claimed);
      claimed.at(claim.claimed->sender) = claim.claimed->static_key;
      ++taken;
    }
  }
  CHECK(workers.under_way() == 0);
  for (std::uint32_t i = 0; i < kJobs; ++i) REQUIRE(claimed[i] == key_pair(100 + i).public_key);
}

TEST_CASE("what the mathematics refuse comes back with its reason") {
  const auto identity = std::make_shared<const KeyPair>(key_pair(1));
  Wakeup done;
  HandshakeWorkers workers(1, done);
  workers.submit({.identity = identity, .from = {}, .local = {}, .step = ClaimJob{}, .refused = {}});
  wait(done);
  const auto job = workers.take();
  REQUIRE(job);
  CHECK(job->refused == Drop::zero_shared_secret);  // its ephemeral key is all zero
}

TEST_CASE("threads end with jobs still waiting") {
  const auto identity = std::make_shared<const KeyPair>(key_pair(1));
  Wakeup done;
  HandshakeWorkers workers(1, done);
  while (!workers.full())
    workers.submit({.identity = identity, .from = {}, .local = {}, .step = ClaimJob{}, .refused = {}});
}
