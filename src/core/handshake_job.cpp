// SPDX-License-Identifier: MIT
#include "handshake_job.hpp"

#include "x25519.hpp"

namespace culvert {
namespace {

Result<void, Drop> compute_step(const KeyPair& self, ClaimJob& job) {
  auto claimed = claim_initiation(self, job.message);
  if (!claimed) return Err{claimed.error()};
  job.claimed = *std::move(claimed);
  return {};
}

Result<void, Drop> compute_step(const KeyPair&, AnswerJob& job) {
  KeyPair ephemeral{std::move(job.ephemeral), {}};
  ephemeral.public_key = job.ephemeral_public ? *job.ephemeral_public : crypto::public_key(ephemeral.private_key);
  auto made = make_response(std::move(job.initiation), job.preshared_key, ephemeral, 0);
  if (!made) return Err{made.error()};
  job.made = *std::move(made);
  return {};
}

Result<void, Drop> compute_step(const KeyPair& self, FinishJob& job) {
  auto keys = read_response(job.pending, self, job.preshared_key, job.message);
  if (!keys) return Err{keys.error()};
  job.keys = *std::move(keys);
  return {};
}

}  // namespace

void compute(HandshakeJob& job) {
  const auto outcome = std::visit([&job](auto& step) { return compute_step(*job.identity, step); }, job.step);
  if (!outcome) job.refused = outcome.error();
}

}  // namespace culvert
