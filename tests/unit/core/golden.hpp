// SPDX-License-Identifier: MIT
// Two whole handshakes that a foreign implementation computed from fixed keys (Python: hashlib's BLAKE2s and OpenSSL),
// typed here so that a lone clone tests against them too.
#pragma once

#include <hex.hpp>
#include <string_view>

#include "aead.hpp"
#include "handshake.hpp"
#include "x25519.hpp"

namespace culvert::test {

inline constexpr std::string_view kInitiatorPrivate =
    "90770e6def5603949849fedb337404322dd0e4844a228332bd9e12732da67041";
inline constexpr std::string_view kInitiatorPublic = "96cd884da1fc1211cde55919901955232c96adb379f01b40ec2c4f7af434216b";
inline constexpr std::string_view kResponderPrivate =
    "400ea8ed89c179e4b91b9b6e65e375a8856d0dc2385e99a7a0d3f9b8d365425b";
inline constexpr std::string_view kResponderPublic = "b5f755310a84dfb74edfa52c5075a2c7e6707079f18b27531c74e4982efc4b40";

struct GoldenPacket {
  std::uint64_t counter;
  std::string_view plaintext;  // padded
  std::string_view datagram;
};

struct GoldenHandshake {
  std::string_view psk;
  std::string_view initiator_ephemeral;  // private
  std::string_view responder_ephemeral;
  std::string_view initiation;  // with mac1, and mac2 zero
  std::string_view response;
  std::string_view from_initiator;  // transport keys
  std::string_view from_responder;
  std::array<GoldenPacket, 4> packets;  // from the initiator
};

inline constexpr std::string_view kGoldenStamp = "400000006553f16e34000000";
inline constexpr std::string_view kGoldenInitiatorIndex = "04030201";  // as on the wire
inline constexpr std::string_view kGoldenResponderIndex = "0d0c0b0a";

inline constexpr GoldenHandshake kGoldenPsk{
    "bda46ebd79f4b11e976df15ceab879fb5305bbe475ab005816d98c7904d30b9c",
    "e872ef65d1eff949debb1775e651af5cb087e2ede79e9f11a91f034e6940cd6e",
    "d019fef2ac061a643460062ac119b5ea9fb31b4c70d54a1fb2071da4a2fdb66b",
    "0100000004030201549d0df948f374a26521ba640812801f2f1fb032e532e3448bd03f04929be079530e305ba5c5a22b6d1c3d4120f5c2bd0b"
    "75b2f81a5d28b4f34ace33a9dd559a3abb3be080b68872b9f232922ad978b768accb3203b1e195c94c465da2ed020be64ae92b7c31e40d4600"
    "87b730efbd7a8d24afbc998730de74ffa49c00000000000000000000000000000000",
    "020000000d0c0b0a04030201b990f451540a36c82f032da1b62d7f62c455e37bc54961a877768c7c56af7a45fc4dc0ae605bf817280778f961"
    "f10ad32fd1e68c97a12a054c820dbacb30a9bc00000000000000000000000000000000",
    "7f0e5cfc67fd64f335a6263be8135950a531bbc987cc6bd51fef7dfd9f59bf63",
    "7059e1feab57434f519bbfc0ea0a7363d2868b37c9b986840c66a18edef74520",
    {{{0, "", "040000000d0c0b0a0000000000000000326785bc8d832728906bb48866471834"},
      {1, "01000000000000000000000000000000",
       "040000000d0c0b0a0100000000000000a4163d728fd2b7526313cac0392555f9b593973635b3699d938c00612485f97a"},
      {0x100000000,
       "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9e0e7eef5fc030a11181f262d343b424950575e656c737a8"
       "188"
       "8f969da4abb2b9",
       "040000000d0c0b0a00000000010000004a90b1ce8cd222b514195b33df42f50f43317e056e689c46eb2aeca5cf0c0d1d93d399f5388abdb"
       "3c4"
       "f83169b5d595927e9dd48820d3e1732a1912a36a17311bd3276c0f0089c5d86ded44aee8703a63"},
      {0xffffffffffffdffe, "fe050c131a21282f363d444b525960676e757c83000000000000000000000000",
       "040000000d0c0b0afedfffffffffffff5f0687b941142a013b4d79c84ca52603a774cc03aff57acedc8784f085d3ee4b648a8781927000d"
       "d2b"
       "b97a63c7e6d164"}}}};

inline constexpr GoldenHandshake kGoldenNoPsk{
    "0000000000000000000000000000000000000000000000000000000000000000",
    "906c880660062d0dff475360a336447ec440bdde5f3834d136672adeba24f75c",
    "d053c0af66c744ec2d28f60cb149575a2a2141a2ecdabfc58feb772551ebc240",
    "010000000403020166b91ee0aa2f3ef89cfbf8b7a5be066203ea35836ce56c8bed19642c0fe23b071f4cf39edb2b298aa734649ba323aabae2"
    "f0bcc9c4b326c80bf6fef4485dd8045342ca4d7939a3b9179f52689a367831daf766e0532d5347678754be9ff40af40d3532f0153e15e7874a"
    "ba6bb12e33ad9484b22ad3e11a440bf4136c00000000000000000000000000000000",
    "020000000d0c0b0a0403020100a75117a26a69013dbe898d9051ac2cd6aff04f1e2ec1d6c8fc07d875cdec756ea6851831b52198443386e924"
    "200621ac4bf968e8005b7c13ee2596f0a5570700000000000000000000000000000000",
    "134eea7f2ea12544bc997e11bcb9fdcc5141873e3ce26749113bbbf8f91a5d6b",
    "8cd0bf0485d10cdf7cde0916df659f25b30b4ede45191b4e8f1aa3c2f4b55794",
    {{{0, "", "040000000d0c0b0a0000000000000000bcc929459c2ec210253bb6074788e889"},
      {1, "01000000000000000000000000000000",
       "040000000d0c0b0a0100000000000000eaf3631a3daf0c6a723e5648041d6f5db51160bb1a3e68d8783759f9ec1146dc"},
      {0x100000000,
       "00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9e0e7eef5fc030a11181f262d343b424950575e656c737a8"
       "188"
       "8f969da4abb2b9",
       "040000000d0c0b0a00000000010000007389b71423b12e2c3f50d065a8b3392cb91f9d6c4be98ce399a40b0099be7a933ac62e065e9e12a"
       "5a5"
       "c16b457022ca1870c553d415546f75c7ed34219d41a1e062f03b7fd3ac21040ff1da377dcfbba3"},
      {0xffffffffffffdffe, "fe050c131a21282f363d444b525960676e757c83000000000000000000000000",
       "040000000d0c0b0afedfffffffffffffda7fd4841118c0c590801e6adf6084ac80aed36c5cfefe8ccb11154dec3619a88cd54a3862521b0"
       "c71"
       "25e55d910f410a"}}}};

/// Public keys that give an all-zero shared secret with every private key: 0, 1, two points of order 8, p - 1, p, p
/// + 1.
inline constexpr std::array<std::string_view, 7> kLowOrderPoints = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

inline PublicKey public_key(std::string_view hexadecimal) { return {unhex_array<32>(hexadecimal)}; }
inline Secret<32> secret(std::string_view hexadecimal) { return Secret<32>(unhex_array<32>(hexadecimal)); }
inline PresharedKey preshared(std::string_view hexadecimal) { return {secret(hexadecimal)}; }
inline PrivateKey private_key(std::string_view hexadecimal) { return {secret(hexadecimal)}; }
inline KeyPair key_pair(std::string_view private_hexadecimal) {
  KeyPair pair{private_key(private_hexadecimal), {}};
  pair.public_key = crypto::public_key(pair.private_key);
  return pair;
}
inline Secret<32> shared(const KeyPair& mine, const PublicKey& theirs) {
  Secret<32> result;
  if (!crypto::x25519(mine.private_key, theirs, result)) throw std::invalid_argument("a key of low order");
  return result;
}
/// An index as four octets of the wire.
inline std::uint32_t wire_index(std::string_view hexadecimal) {
  const Octets<4> o = unhex_array<4>(hexadecimal);
  return o[0] | std::uint32_t{o[1]} << 8 | std::uint32_t{o[2]} << 16 | std::uint32_t{o[3]} << 24;
}

/// A whole data message under a transport key.
inline std::vector<std::uint8_t> data_message(const Secret<32>& key, std::uint32_t receiver, std::uint64_t counter,
                                              Bytes plaintext) {
  std::vector<std::uint8_t> message(16 + plaintext.size() + 16);
  message[0] = 4;
  for (std::size_t i = 0; i < 4; ++i) message[4 + i] = static_cast<std::uint8_t>(receiver >> (8 * i));
  for (std::size_t i = 0; i < 8; ++i) message[8 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
  crypto::seal(key, counter, plaintext, {}, MutBytes(message).subspan(16));
  return message;
}

}  // namespace culvert::test
