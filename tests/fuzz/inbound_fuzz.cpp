// SPDX-License-Identifier: MIT
// A lane's way in: trains as a network card or UDP_GRO may gather them, of genuine and of made-up datagrams in any mix,
// with any stride. The books must balance: each datagram that came is written, dropped for one reason, a keepalive, or
// handed on to control; and what is written is what was sealed.
#include "lane_fixture.hpp"
#include "support/input.hpp"
#include "support/replay_model.hpp"

using namespace culvert;
using namespace culvert::engine;
using namespace culvert::engine::test;
using culvert::fuzz::Input;
using culvert::fuzz::require;

namespace {

constexpr std::uint32_t kIndex = 0x200;
constexpr std::size_t kPeerAddress = 1;

class Lane {
 public:
  Lane() {
    peer_ = end_.add_peer(kPeerAddress);
    (void)end_.give_session(peer_, Role::responder, kIndex, 0x100, keys(2, 1));
  }

  void step(Input& input) {
    const std::uint8_t how = input.octet();
    Sent train{endpoint(static_cast<std::uint8_t>(how & 1 ? 1 : 9)),
               std::nullopt,
               static_cast<std::uint8_t>(how >> 1 & 3),
               {},
               1};
    const std::size_t count = 1 + input.below(20);
    train.stride = 1 + input.number<std::uint16_t>() % 1500;
    for (std::size_t i = 0; i < count; ++i) {
      const Octetss datagram = make(input, train.stride);
      train.octets.insert(train.octets.end(), datagram.begin(), datagram.end());
      if (datagram.size() < train.stride) break;  // only the last may be shorter
    }
    if (how & 8 && !train.octets.empty())
      train.octets.resize(train.octets.size() - input.below(train.octets.size() + 1));
    train.stride = std::max<std::size_t>(1, std::min(train.stride, train.octets.size()));
    end_.udp->truncate = (how & 0x30) == 0x30;
    if (end_.udp->truncate) {
      // The last datagram is one drop, and not looked at.
      const std::size_t whole = train.octets.size() <= train.stride ? 0 : (train.octets.size() - 1) / train.stride;
      datagrams_ += whole + 1;
      note(train, whole);
    } else {
      const std::size_t n = io::datagram_count(train.octets.size(), train.stride);
      datagrams_ += n;
      note(train, n);
    }
    end_.state.handshake_room = how >> 6;
    end_.udp->arriving.push_back(train);
    (void)end_.inbound.run(*end_.udp);
    handed_on_ += count_handshakes();
    end_.state.reports.clear();
  }

  void settle() const {
    std::uint64_t dropped = 0;
    for (std::size_t i = 0; i < kDropCount; ++i) dropped += end_.dropped(static_cast<Drop>(i));
    require(datagrams_ == dropped + keepalives_ + handed_on_ + end_.tun.written.size(), "the books balance");
    require(end_.tun.written == expected_, "what is written is what was sealed, in order");
  }

 private:
  Octetss make(Input& input, std::size_t stride) {
    const std::uint8_t what = input.octet();
    Octetss datagram;
    if (what % 4 == 0) {
      const Bytes raw = input.octets(std::min<std::size_t>(stride, input.number<std::uint16_t>() % 300));
      datagram.assign(raw.begin(), raw.end());
      return datagram;
    }
    if (stride < 32) return Octetss(stride);
    const std::uint64_t counter = what & 0x80 ? input.number<std::uint64_t>() : input.octet();
    const std::size_t room = stride - 32;
    const std::size_t octets = what & 0x40 ? input.below(room + 1) : room;
    Octetss plain(octets);
    if (what % 4 != 1 && octets >= 20) {
      // The inner packet may be shorter than its padding, and claims what it likes.
      const Octetss inner = packet(static_cast<std::uint8_t>(what & 0x20 ? 3 : kPeerAddress), 2, octets, what);
      std::copy(inner.begin(), inner.end(), plain.begin());
      const std::size_t cut = input.octet();
      if (octets > 20 + cut) {
        plain[2] = static_cast<std::uint8_t>((octets - cut) >> 8);
        plain[3] = static_cast<std::uint8_t>(octets - cut);
      }
    } else {
      const Bytes raw = input.octets(octets);
      std::copy(raw.begin(), raw.end(), plain.begin());
    }
    datagram.resize(plain.size() + 32);
    wire::DataHeader header;
    header.receiver = kIndex + (what & 0x10 ? 1u : 0u);
    header.counter = counter;
    wire::store(header, datagram);
    std::copy(plain.begin(), plain.end(), datagram.begin() + 16);
    end_.state.aead.seal_train(keys(1, 2).send, counter, datagram, datagram.size());
    return datagram;
  }

  /// What the first `n` datagrams of a train must come to.
  void note(const Sent& train, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const auto from =
          train.octets.begin() + static_cast<std::ptrdiff_t>(std::min(i * train.stride, train.octets.size()));
      const auto to =
          train.octets.begin() + static_cast<std::ptrdiff_t>(std::min((i + 1) * train.stride, train.octets.size()));
      const Octetss datagram(from, to);
      // Keys are fixed, so that a fuzzer may also come by a genuine message without our sealing it.
      if (wire::classify(datagram) != wire::Type::data) continue;
      const auto header = wire::load<wire::DataHeader>(datagram);
      Octetss plain(datagram.size() - 32);
      if (header.receiver != kIndex ||
          !crypto::open(keys(1, 2).send, header.counter, Bytes(datagram).subspan(16), {}, plain))
        continue;
      if (!model_.commit(header.counter)) continue;
      if (plain.empty()) {
        ++keepalives_;
        continue;
      }
      if (plain[0] != 0x45 || plain.size() < 20 || plain[12] != 10 || plain[13] != 0 || plain[14] != 0 ||
          plain[15] != kPeerAddress)
        continue;
      const std::size_t octets = std::size_t{plain[2]} << 8 | plain[3];
      if (octets < 20 || octets > plain.size()) continue;
      Octetss inner(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(octets));
      // Not-ECT stays so, and with CE outside it is dropped; the fuzzer's own header may hold any ECN.
      if (!wire::decapsulate_ecn(static_cast<wire::Ecn>(train.tos & 3), inner)) continue;
      expected_.push_back(inner);
    }
  }

  std::size_t count_handshakes() const {
    std::size_t n = 0;
    for (const Report& report : end_.state.reports) n += std::holds_alternative<report::Handshake>(report) ? 1u : 0u;
    return n;
  }

  LaneEnd end_;
  PeerId peer_;
  culvert::fuzz::ReplayModel model_;
  std::vector<Octetss> expected_;
  std::uint64_t datagrams_ = 0, keepalives_ = 0, handed_on_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool started = crypto::initialise();
  require(started, "the cryptography starts");
  Input input(data, std::min<std::size_t>(size, 4096));
  Lane lane;
  while (!input.empty()) lane.step(input);
  lane.settle();
  return 0;
}
