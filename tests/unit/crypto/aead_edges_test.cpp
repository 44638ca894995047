// SPDX-License-Identifier: MIT
// Messages made so that Poly1305 meets its extremes: an accumulator of 0, of 2^130 - 6, of all ones in its lower limbs;
// keys with the greatest limbs of 44 bits among 200,000; blocks of all ones.
//
// A script solved for the ciphertext under key 80 81 ... 9f and the counters below, and OpenSSL (by Python's
// `cryptography`) sealed the plaintext that belongs to it.
#include <doctest/doctest.h>

#include "aead_backends.hpp"
#include "support.hpp"

using namespace culvert;
using namespace culvert::test;
using Buffer = std::vector<std::uint8_t>;

namespace {

struct Edge {
  std::uint64_t counter;
  const char* ciphertext;
  const char* tag;
};

// clang-format off
constexpr Edge kEdges[] = {
    {182882,  // h = 0
     "6de032c58deff12f4a2c1222282a2e4e5b013a18285c8283ccad896c0ca1503a"
     "bb9f07c8caeb5f605de0b4b82f1bf5cd28cde3871cce5018f52d79c7369de100",
     "7938eee5914636f53a19bc2489e8c9db"},
    {182882,  // 0 then all ones
     "0d45b3cf609b70b64ffa0198fdf67fba82c31561041e4ebb785c1300989a930c"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "575df622887774c21f6570de65bd4dbd"},
    {114155,  // h = 1
     "173ec51182622cf0e221f4df083e0e07ec3273672edd4f293801acd95441e0a1"
     "87a61303ca4c5755ed88c5ae0e145fb24a12ef17237dd0407cf352e4abee6f32",
     "9fc197ec368ad9c5866e277b7be1eeb5"},
    {114155,  // 1 then all ones
     "61d6f19a69a51dc937e7372b63bc17221e1808a861167034afed69e46a0f0ec3"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "390af8c8612141b55c0bec5b83f67186"},
    {140887,  // h = 4
     "534d55712491f1bd2ce2815a225c722d91f1388ea9967963c02d27ffd757d1a7"
     "5a0710c98003be1af03b294c9f17fc1b3fecedd78d6f6c1f78fe01d454f0d23e",
     "28ce9665b91f513267c16b8601e2c0f1"},
    {140887,  // 4 then all ones
     "56d4ec68d6b2f419918694930a40fc41fba0b09952f101bc852831c5661e8c51"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "acbe33ec31569d167f3754d8bf01c5c2"},
    {95040,  // h = 5
     "62481014eac531eb26c912b4003bdf9ac79c3d330f983c619537320939a8ded2"
     "94508ddcb0d0a4ecdbf155e40705d98c75450e56149576d8868352454ee08b17",
     "f56e6a1ae3a815c250a4d3efd3aa74f6"},
    {95040,  // 5 then all ones
     "620c4dcf3a2e3fb1d4f0243157e3f622bf5e007b181c3da978e0ad30d850334a"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "91a36f0203ebdf0b5cb1914c82b4c89a"},
    {37310,  // h = p-1
     "fa887ab5320f01705b7e6ac7ead0814411881d3d78773d5954bb066fb41902a4"
     "340ed27c17b62ff617c1afbd3ad81c425749dc3d192a992ad5a2f67573bd67ea",
     "e0c3d14bff8c16b665e53b7eabe58804"},
    {37310,  // p-1 then all ones
     "a3b6a414194715ca4e5466d43a1d3e2bf9dc3636411ac8d226c4b8c2406e1146"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "34ce504e8c3e7fb056bd22adf713b7e4"},
    {24812,  // h = p-5
     "2b56405f66c0130a22e5d026c02290f5c23265ee4420e2512f0c4e1e87ab57f4"
     "d40b41fe999eef1f9c598f6a6d031c12aee3450e9ce42295501dc6c205a9a6e7",
     "41e273056642dada09defb0a7f1cce4d"},
    {24812,  // p-5 then all ones
     "69c59a969c7c5422ea83c15e6b7b2cfa868d0ba0eb8a04972e2f99fd8fbe8b04"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "1796a8c1ad9d2aeadcc6f744c27175f3"},
    {182882,  // h = 2^128-1
     "4ed78f6cfd4a9bc8cd60c89abef8964b66d9c0d4a621b65f2c0fe697ca578c0f"
     "be64f3e3c889cc1c3dea261fc6526575d813618e933d4875ff9f24e81b6b838f",
     "7838eee5914636f53a19bc2489e8c9db"},
    {182882,  // 2^128-1 then all ones
     "17c8589ec299e1d9baf9ffc532dad0ff43bdb958d81c09fb34edd4c29fbff78e"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "318c23055cf5e2713bb27adeafcfb2d4"},
    {114155,  // h = 2^128
     "b6ea19deec4d2ae267ff6568e783ee32acfd4c34ac0a33a5c21c26451b12b94f"
     "80a50d416f89330950b567f22ab80e47f718d29d1a73b44f414643c7718f97a4",
     "9ec197ec368ad9c5866e277b7be1eeb5"},
    {114155,  // 2^128 then all ones
     "a2fcee16a0fe6975aa90b3385a751f3d3cfcf494babfb06a98f31fea9efe0161"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "76e782f4b20b25730c5abdab0092ea19"},
    {140887,  // h = 2^129
     "fa9c7b819fe85fd7616d37b9c8fa89bffd15c2c80cbaea144ad781469d18d76a"
     "243507541bce7a46c1151e98aa7d60e71a2f91a494185c3ed4d11a94d0af0293",
     "24ce9665b91f513267c16b8601e2c0f1"},
    {140887,  // 2^129 then all ones
     "20795ec44b9b5551bbcfa307f97a591153267b26815691d8b340113edaa8938b"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "52682108b12f5be8b2b0a0297a26628c"},
    {95040,  // h = 2^44-1
     "80cb31e7928582aa20177ab91d7ce74262f6cb44a85b8b47a16225a9c755bb23"
     "d2d75be8985b23681974253b8b7acf8ba82b59f1c28bc116e68700061d0b183b",
     "ef6e6a1ae3b815c250a4d3efd3aa74f6"},
    {95040,  // 2^44-1 then all ones
     "ce62804e74b4c84d7a30fc0fcee455859120ae287d0f17e9e0344984dab22ae6"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "60897fc7866f356b9100b08d07d9816d"},
    {37310,  // h = 2^88-1
     "52765ac304b7eee013fb3f3f47e00a612820c596cd910242b64c846b296c32a3"
     "e17850195fc48a765d0be9f1dc71047ccac882a5950d79d5439e091697d26237",
     "e5c3d14bff8c16b665e53b7fabe58804"},
    {37310,  // 2^88-1 then all ones
     "44adf86d371b15b09700450141c8f27e97607d5f8973f80b46849f9399445eb3"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "8cd5873a93557f7f0a4f8934e7bfcfd3"},
    {24812,  // h = 2^88
     "6cfa16d8f33f451b53e80f68f5cbca0eca201f61aa22012c96dfb7903d4c23da"
     "4346251c74d8b5562fba0bc076bd6bb9437fb819c5b98433f2756ea548be8981",
     "4be273056642dada09defb0b7f1cce4d"},
    {24812,  // 2^88 then all ones
     "73fe9fe6c639b0c715ce1a1d7c9be3ec7a2e442ebf9fff0e04872a14c9fb60ef"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "a28959ce795b718b97e4d798fb5a3174"},
    {182882,  // h = 2^130-2^44
     "c1f6a0077a1b7f23b41f91f2520ef89881fd58d589302590cca113aef932f9d4"
     "e78eaac6a77a60b4bd9cc946bace8c39b5c105d24b52bc47c651095492948a4d",
     "7938eee5913636f53a19bc2489e8c9db"},
    {182882,  // 2^130-2^44 then all ones
     "09527efdbaf73da761f32c1f85c542c7c906d584208de69a4da74038e0c5b8bb"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "5fe6c638c6c45f2bbe72c93f523fecfd"},
    {114155,  // h = 2^130-2^88
     "84424e659f539235e62e33622ab216a8a6e6ccbdde74c72669946c60445baff7"
     "4fa6cd28e620d56553694b741d298f2b2d21c2e2bcba4f82e3db196c58d5fe24",
     "9ec197ec368ad9c5866e277a7be1eeb5"},
    {114155,  // 2^130-2^88 then all ones
     "a556baecc5aef6fedd12829283d4e9ea058f6f286a5e6d43a350fcdb6f5c5074"
     "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
     "456af012ebaff0204f9b1f71e3824d79"},
    {182882,  // all ones
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "ffd7611823a8e703d9eeed9bbfe41451"},
    {182882,  // all zeros
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000",
     "7cc8d5c394e7aaff929482b208e7ec8f"},
    {114155,  // all ones
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "e26461c7abaa2025baa4103563aa6c90"},
    {114155,  // all zeros
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000",
     "5ef0c448633e82bdfdcf1ebb4b693ff8"},
    {140887,  // all ones
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "7c802608120bcd3c968781f0a70d0bb9"},
    {140887,  // all zeros
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000",
     "13047c5b81df82bc7b986afe5b3b0066"},
    {95040,  // all ones
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "e9338fe72cbb24c1f50fb78c2ee5bf54"},
    {95040,  // all zeros
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000",
     "7bcbf280fbd9389767352ed93197a0d6"},
    {37310,  // all ones
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "f278c5f3d464920e06c3c7ddc8bb3300"},
    {37310,  // all zeros
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000",
     "e49bc9062eecb202ac52ffacb43969e9"},
    {24812,  // all ones
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "c0d6a7ee81fb23a47f184cc146242e5c"},
    {24812,  // all zeros
     "0000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000",
     "58e47e95ac68a6ecf0191541ac0c10aa"},
};
// clang-format on

constexpr std::size_t kText = 64;
constexpr std::size_t kStride = 16 + kText + 16;
constexpr std::size_t kSlots = 16;

const Secret<32>& key() {
  static const auto value = secret<32>("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  return value;
}

Buffer message(const Edge& edge) {
  Buffer slot(16);
  for (std::size_t i = 0; i < 8; ++i) slot[8 + i] = static_cast<std::uint8_t>(edge.counter >> (8 * i));
  for (const char* part : {edge.ciphertext, edge.tag}) {
    const Buffer octets = unhex(part);
    slot.insert(slot.end(), octets.begin(), octets.end());
  }
  REQUIRE(slot.size() == kStride);
  return slot;
}

}  // namespace

TEST_CASE("every backend opens every edge, in every slot of a train") {
  REQUIRE(crypto::initialise());
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    for (std::size_t turn = 0; turn < kSlots; ++turn)
      for (std::size_t from = 0; from < std::size(kEdges); from += kSlots) {
        Buffer train;
        for (std::size_t s = 0; s < kSlots; ++s) {
          const Buffer slot = message(kEdges[(from + (s + turn) % kSlots) % std::size(kEdges)]);
          train.insert(train.end(), slot.begin(), slot.end());
        }
        Buffer opened(kSlots);
        backend->open_train(key(), train, kStride, opened);
        CHECK(opened == Buffer(kSlots, 1));
      }
  }
}

TEST_CASE("every backend seals every edge to its tag") {
  for (const crypto::AeadBackend* backend : crypto::all_backends()) {
    CAPTURE(backend->name());
    std::size_t at = 0;
    for (const Edge& edge : kEdges) {
      CAPTURE(edge.counter);
      CAPTURE(edge.ciphertext);
      const Buffer sealed = message(edge);
      Buffer plain = sealed;
      Buffer opened(1);
      crypto::sodium_backend()->open_train(key(), plain, kStride, opened);
      REQUIRE(opened[0] == 1);
      Buffer train;
      for (std::size_t s = 0; s < kSlots; ++s) train.insert(train.end(), plain.begin(), plain.end());
      backend->seal_train(key(), edge.counter - at, train, kStride);  // so that slot `at` has the edge's counter
      CHECK(hex(Bytes(train).subspan(at * kStride, kStride)) == hex(sealed));
      at = (at + 1) % kSlots;
    }
  }
}
