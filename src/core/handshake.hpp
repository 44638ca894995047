// SPDX-License-Identifier: MIT
// Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s [W 5.4], as pure functions: values in, values out, no state kept.
//
//   <- s
//   ...
//   -> e, es, s, ss, {timestamp}
//   <- e, ee, se, psk, {}
//
// The initiator's only state is the `PendingInitiation` between its two calls; the responder keeps nothing between
// reading and answering. The functions do not touch mac1 and mac2: see cookie.hpp.
#pragma once

#include <culvert/drop.hpp>
#include <culvert/keys.hpp>
#include <culvert/result.hpp>

#include "messages.hpp"

namespace culvert {

struct KeyPair {
  PrivateKey private_key;
  PublicKey public_key;
};

/// The transport keys [W 5.4.5], from the view of the side that holds them.
struct SessionKeys {
  Secret<32> send;
  Secret<32> receive;
};

/// What the initiator remembers until the response comes.
struct PendingInitiation {
  std::uint32_t local_index = 0;
  PrivateKey ephemeral;
  Secret<32> chaining_key;
  Octets<32> hash{};

  [[nodiscard]] PendingInitiation clone() const noexcept {
    return {local_index, ephemeral.clone(), chaining_key.clone(), hash};
  }
};

struct MadeInitiation {
  wire::Initiation message;
  PendingInitiation pending;
};

/// An initiation that opened under our key: somebody who knows it claims to be `static_key`.
struct ClaimedInitiation {
  PublicKey static_key;
  PublicKey ephemeral;
  std::uint32_t sender = 0;
  Secret<32> chaining_key;
  Octets<32> hash{};
  Octets<wire::sealed(12)> sealed_timestamp{};
};

/// An initiation whose sender proved to hold the static key. It may still be a replay: compare `timestamp`.
struct VerifiedInitiation {
  PublicKey static_key;
  PublicKey ephemeral;
  std::uint32_t sender = 0;
  Secret<32> chaining_key;
  Octets<32> hash{};
  Octets<12> timestamp{};
};

struct MadeResponse {
  wire::Response message;
  SessionKeys keys;
};

/// \param static_shared DH(our static, their static), computed once a peer.
/// \returns Drop::zero_shared_secret when `peer` is a low-order key.
[[nodiscard]] Result<MadeInitiation, Drop> make_initiation(const KeyPair& self, const PublicKey& peer,
                                                           const Secret<32>& static_shared, KeyPair ephemeral,
                                                           const Octets<12>& timestamp, std::uint32_t local_index);

/// First half of reading: who claims to call. \returns Drop::zero_shared_secret or Drop::bad_static_tag.
[[nodiscard]] Result<ClaimedInitiation, Drop> claim_initiation(const KeyPair& self, const wire::Initiation& message);

/// Second half: the claim is proved by the timestamp's tag. \returns Drop::bad_timestamp_tag.
[[nodiscard]] Result<VerifiedInitiation, Drop> verify_initiation(ClaimedInitiation claim,
                                                                 const Secret<32>& static_shared);

/// \returns Drop::zero_shared_secret when a key of the initiator is of low order.
[[nodiscard]] Result<MadeResponse, Drop> make_response(VerifiedInitiation initiation, const PresharedKey& psk,
                                                       const KeyPair& ephemeral, std::uint32_t local_index);

/// \returns Drop::zero_shared_secret or Drop::bad_response_tag; `pending` stays valid for the true response.
[[nodiscard]] Result<SessionKeys, Drop> read_response(const PendingInitiation& pending, const KeyPair& self,
                                                      const PresharedKey& psk, const wire::Response& message);

}  // namespace culvert
