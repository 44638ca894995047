// SPDX-License-Identifier: MIT
// The IK and IKpsk2 transcripts of another implementation of Noise, from our primitives alone: the pattern is written
// down here once more, from the Noise specification, revision 34, and not taken from the handshake of the core.
#include <doctest/doctest.h>

#include <vectors.hpp>

#include "aead.hpp"
#include "hash.hpp"
#include "support.hpp"
#include "x25519.hpp"

using namespace culvert;
using namespace culvert::test;
using nlohmann::json;
using Buffer = std::vector<std::uint8_t>;

namespace {

/// The symmetric state of Noise 5.2, with the cipher state's key and nonce.
class Symmetric {
 public:
  explicit Symmetric(std::string_view protocol_name) {
    h_ = crypto::hash({text(protocol_name)});
    if (protocol_name.size() <= 32) {  // shorter names are padded, not hashed
      h_ = {};
      std::copy(protocol_name.begin(), protocol_name.end(), h_.begin());
    }
    ck_ = Secret<32>(h_);
  }
  void mix_hash(Bytes data) { h_ = crypto::hash({h_, data}); }
  void mix_key(Bytes input) {
    auto [ck, k] = crypto::kdf<2>(ck_, input);
    ck_ = std::move(ck);
    k_ = std::move(k);
    n_ = 0;
  }
  void mix_key_and_hash(Bytes input) {
    auto [ck, t, k] = crypto::kdf<3>(ck_, input);
    ck_ = std::move(ck);
    mix_hash(t.bytes());
    k_ = std::move(k);
    n_ = 0;
  }
  Buffer encrypt_and_hash(Bytes plain) {
    Buffer out(plain.size() + 16);
    crypto::seal(k_, n_++, plain, h_, out);
    mix_hash(out);
    return out;
  }
  [[nodiscard]] const Octets<32>& h() const { return h_; }
  [[nodiscard]] std::array<Secret<32>, 2> split() const { return crypto::kdf<2>(ck_, {}); }

 private:
  Octets<32> h_{};
  Secret<32> ck_;
  Secret<32> k_;
  std::uint64_t n_ = 0;
};

struct KeyPair {
  explicit KeyPair(const json& hexadecimal)
      : secret_half{secret<32>(hexadecimal.get<std::string>())}, public_half(crypto::public_key(secret_half)) {}
  PrivateKey secret_half;
  PublicKey public_half;
};

Secret<32> dh(const KeyPair& mine, const PublicKey& theirs) {
  Secret<32> result;
  REQUIRE(crypto::x25519(mine.secret_half, theirs, result));
  return result;
}

void append(Buffer& to, Bytes octets) { to.insert(to.end(), octets.begin(), octets.end()); }

Buffer payload(const json& vector, std::size_t message) {
  return unhex(vector.at("messages").at(message).at("payload").get<std::string>());
}
std::string ciphertext(const json& vector, std::size_t message) {
  return vector.at("messages").at(message).at("ciphertext").get<std::string>();
}

void check_transcript(const json& vector) {
  const bool psk = vector.contains("init_psks");
  const KeyPair initiator(vector.at("init_static"));
  const KeyPair responder(vector.at("resp_static"));
  const KeyPair e_i(vector.at("init_ephemeral"));
  const KeyPair e_r(vector.at("resp_ephemeral"));
  REQUIRE(hex(responder.public_half.octets) == vector.at("init_remote_static").get<std::string>());

  Symmetric state(vector.at("protocol_name").get<std::string>());
  state.mix_hash(unhex(vector.at("init_prologue").get<std::string>()));
  state.mix_hash(responder.public_half.octets);  // <- s

  Buffer first;  // -> e, es, s, ss
  append(first, e_i.public_half.octets);
  state.mix_hash(e_i.public_half.octets);
  if (psk) state.mix_key(e_i.public_half.octets);
  state.mix_key(dh(e_i, responder.public_half).bytes());
  append(first, state.encrypt_and_hash(initiator.public_half.octets));
  state.mix_key(dh(initiator, responder.public_half).bytes());
  append(first, state.encrypt_and_hash(payload(vector, 0)));
  CHECK(hex(first) == ciphertext(vector, 0));

  Buffer second;  // <- e, ee, se, psk
  append(second, e_r.public_half.octets);
  state.mix_hash(e_r.public_half.octets);
  if (psk) state.mix_key(e_r.public_half.octets);
  state.mix_key(dh(e_r, e_i.public_half).bytes());
  state.mix_key(dh(e_r, initiator.public_half).bytes());
  if (psk) state.mix_key_and_hash(unhex(vector.at("init_psks").at(0).get<std::string>()));
  append(second, state.encrypt_and_hash(payload(vector, 1)));
  CHECK(hex(second) == ciphertext(vector, 1));
  CHECK(hex(state.h()) == vector.at("handshake_hash").get<std::string>());

  const auto keys = state.split();  // the initiator's, the responder's
  for (std::size_t message = 2; message < vector.at("messages").size(); ++message) {
    const Buffer plain = payload(vector, message);
    Buffer out(plain.size() + 16);
    crypto::seal(keys[message % 2], (message - 2) / 2, plain, {}, out);
    CHECK(hex(out) == ciphertext(vector, message));
  }
}

}  // namespace

TEST_CASE("the transcripts of Noise IK and IKpsk2") {
  REQUIRE(crypto::initialise());
  const json file = vectors("noise/IKpsk2_25519_ChaChaPoly_BLAKE2s.json");
  for (const json& vector : file.at("vectors")) {
    CAPTURE(vector.at("protocol_name").get<std::string>());
    CHECK(vector.at("messages").size() == 6);
    check_transcript(vector);
  }
  CHECK(file.at("vectors").size() == 2);
}
