// SPDX-License-Identifier: MIT
// The mathematics of a handshake as values: control fills a job in from its state, any thread computes it, and control
// commits the outcome, which checks again all that may have changed meanwhile. A job holds copies of what it needs, so
// nothing is shared while it is under way.
//
//   initiation   ClaimJob (es) -> control looks the claimed key up and opens the timestamp -> AnswerJob (ee, se) ->
//   commit response     FinishJob (ee, se) -> commit
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include <culvert/address.hpp>

#include "handshake.hpp"
#include "peer_id.hpp"
#include "timestamp.hpp"

namespace culvert {

/// Who claims to call?
struct ClaimJob {
  wire::Initiation message;
  std::optional<ClaimedInitiation> claimed;  // out
};

/// The response to an initiation that proved true and new. Its index and MACs are control's: they are in no transcript.
struct AnswerJob {
  PeerId peer;
  VerifiedInitiation initiation;
  Stamp stamp{};            // the initiation's
  std::uint32_t index = 0;  // for the session, if it is still free then
  PresharedKey preshared_key;
  PrivateKey ephemeral;
  std::optional<PublicKey> ephemeral_public;  // computed when it is not there
  std::optional<MadeResponse> made;           // out
};

/// Is the response to our initiation right?
struct FinishJob {
  PeerId peer;
  PendingInitiation pending;
  PresharedKey preshared_key;
  wire::Response message;
  std::optional<SessionKeys> keys;  // out
};

/// Whom a message claims to come from.
struct Claimant {
  std::optional<PeerId> peer = {};
  std::optional<PublicKey> key = {};
};

struct HandshakeJob {
  std::shared_ptr<const KeyPair> identity;
  Endpoint from;
  std::optional<Source> local;
  std::variant<ClaimJob, AnswerJob, FinishJob> step;
  Claimant claimant = {};
  std::optional<Drop> refused;  // out: why there is no outcome
};

/// Fills in the outcome of the step, or `refused`. Any thread; some 30 microseconds for each multiplication: one in
/// ClaimJob, two or three in AnswerJob, two in FinishJob.
void compute(HandshakeJob& job);

}  // namespace culvert
