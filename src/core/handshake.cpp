// SPDX-License-Identifier: MIT
#include "handshake.hpp"

#include <string_view>

#include "aead.hpp"
#include "hash.hpp"
#include "x25519.hpp"

namespace culvert {
namespace {

Bytes text(std::string_view s) noexcept { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }

// The symmetric state of [N 5.2]: C, H, and the key of the moment.
struct Transcript {
  Secret<32> chaining_key;
  Octets<32> hash;

  void mix_hash(Bytes data) noexcept { hash = crypto::hash({hash, data}); }

  void mix_chain(Bytes input) noexcept {
    auto [c] = crypto::kdf<1>(chaining_key, input);
    chaining_key = std::move(c);
  }

  [[nodiscard]] Secret<32> mix_key(const Secret<32>& input) noexcept {
    auto [c, k] = crypto::kdf<2>(chaining_key, input.bytes());
    chaining_key = std::move(c);
    return std::move(k);
  }

  [[nodiscard]] Secret<32> mix_psk(const PresharedKey& psk) noexcept {
    auto [c, t, k] = crypto::kdf<3>(chaining_key, psk.secret.bytes());
    chaining_key = std::move(c);
    mix_hash(t.bytes());
    return std::move(k);
  }

  void seal(const Secret<32>& key, Bytes plain, MutBytes out) noexcept {
    crypto::seal(key, 0, plain, hash, out);
    mix_hash(out);
  }

  [[nodiscard]] bool open(const Secret<32>& key, Bytes sealed, MutBytes out) noexcept {
    if (!crypto::open(key, 0, sealed, hash, out)) return false;
    mix_hash(sealed);
    return true;
  }
};

// C = HASH(construction); H = HASH(HASH(C || identifier) || S_r) [W 5.4.2]
Transcript start(const PublicKey& responder) noexcept {
  static const Octets<32> c = crypto::hash({text("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")});
  static const Octets<32> h = crypto::hash({c, text("WireGuard v1 zx2c4 Jason@zx2c4.com")});
  Transcript t{Secret<32>(c), h};
  t.mix_hash(responder.bytes());
  return t;
}

// Transport keys [W 5.4.5]: the first belongs to the initiator's direction.
std::array<Secret<32>, 2> split(const Transcript& t) noexcept { return crypto::kdf<2>(t.chaining_key, {}); }

}  // namespace

Result<MadeInitiation, Drop> make_initiation(const KeyPair& self, const PublicKey& peer,
                                             const Secret<32>& static_shared, KeyPair ephemeral,
                                             const Octets<12>& timestamp, std::uint32_t local_index) {
  wire::Initiation m;
  m.sender = local_index;
  Transcript t = start(peer);

  // e
  m.ephemeral = ephemeral.public_key.octets;
  t.mix_hash(m.ephemeral);
  t.mix_chain(m.ephemeral);

  // es
  Secret<32> shared;
  if (!crypto::x25519(ephemeral.private_key, peer, shared)) return Err{Drop::zero_shared_secret};
  const Secret<32> static_key = t.mix_key(shared);

  // s
  t.seal(static_key, self.public_key.bytes(), m.static_key);

  // ss
  const Secret<32> stamp_key = t.mix_key(static_shared);

  // {timestamp}
  t.seal(stamp_key, timestamp, m.timestamp);

  return MadeInitiation{
      m, PendingInitiation{local_index, std::move(ephemeral.private_key), std::move(t.chaining_key), t.hash}};
}

Result<ClaimedInitiation, Drop> claim_initiation(const KeyPair& self, const wire::Initiation& message) {
  ClaimedInitiation claim;
  claim.sender = message.sender;
  claim.ephemeral.octets = message.ephemeral;
  claim.sealed_timestamp = message.timestamp;
  Transcript t = start(self.public_key);

  // e
  t.mix_hash(message.ephemeral);
  t.mix_chain(message.ephemeral);

  // es
  Secret<32> shared;
  if (!crypto::x25519(self.private_key, claim.ephemeral, shared)) return Err{Drop::zero_shared_secret};
  const Secret<32> static_key = t.mix_key(shared);

  // s
  if (!t.open(static_key, message.static_key, claim.static_key.octets)) return Err{Drop::bad_static_tag};

  claim.chaining_key = std::move(t.chaining_key);
  claim.hash = t.hash;
  return claim;
}

Result<VerifiedInitiation, Drop> verify_initiation(ClaimedInitiation claim, const Secret<32>& static_shared) {
  Transcript t{std::move(claim.chaining_key), claim.hash};
  VerifiedInitiation v;

  // ss
  const Secret<32> stamp_key = t.mix_key(static_shared);

  // {timestamp}
  if (!t.open(stamp_key, claim.sealed_timestamp, v.timestamp)) return Err{Drop::bad_timestamp_tag};

  v.static_key = claim.static_key;
  v.ephemeral = claim.ephemeral;
  v.sender = claim.sender;
  v.chaining_key = std::move(t.chaining_key);
  v.hash = t.hash;
  return v;
}

Result<MadeResponse, Drop> make_response(VerifiedInitiation initiation, const PresharedKey& psk,
                                         const KeyPair& ephemeral, std::uint32_t local_index) {
  wire::Response m;
  m.sender = local_index;
  m.receiver = initiation.sender;
  Transcript t{std::move(initiation.chaining_key), initiation.hash};

  // e
  m.ephemeral = ephemeral.public_key.octets;
  t.mix_hash(m.ephemeral);
  t.mix_chain(m.ephemeral);

  // ee
  Secret<32> shared;
  if (!crypto::x25519(ephemeral.private_key, initiation.ephemeral, shared)) return Err{Drop::zero_shared_secret};
  t.mix_chain(shared.bytes());

  // se
  if (!crypto::x25519(ephemeral.private_key, initiation.static_key, shared)) return Err{Drop::zero_shared_secret};
  t.mix_chain(shared.bytes());

  // psk
  const Secret<32> key = t.mix_psk(psk);

  // {}
  t.seal(key, {}, m.empty);

  auto [from_initiator, from_responder] = split(t);
  return MadeResponse{m, SessionKeys{std::move(from_responder), std::move(from_initiator)}};
}

Result<SessionKeys, Drop> read_response(const PendingInitiation& pending, const KeyPair& self, const PresharedKey& psk,
                                        const wire::Response& message) {
  Transcript t{pending.chaining_key.clone(), pending.hash};

  // e
  const PublicKey ephemeral{message.ephemeral};
  t.mix_hash(message.ephemeral);
  t.mix_chain(message.ephemeral);

  // ee
  Secret<32> shared;
  if (!crypto::x25519(pending.ephemeral, ephemeral, shared)) return Err{Drop::zero_shared_secret};
  t.mix_chain(shared.bytes());

  // se
  if (!crypto::x25519(self.private_key, ephemeral, shared)) return Err{Drop::zero_shared_secret};
  t.mix_chain(shared.bytes());

  // psk
  const Secret<32> key = t.mix_psk(psk);

  // {}
  if (!t.open(key, message.empty, {})) return Err{Drop::bad_response_tag};

  auto [from_initiator, from_responder] = split(t);
  return SessionKeys{std::move(from_initiator), std::move(from_responder)};
}

}  // namespace culvert
