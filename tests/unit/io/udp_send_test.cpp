// SPDX-License-Identifier: MIT
#include "udp_send.hpp"

#include <algorithm>
#include <numeric>

#include "udp_support.hpp"

using namespace culvert;
using namespace culvert::io;
using namespace culvert::io::test;

namespace {

const Endpoint kPeer{v4(192, 0, 2, 1), 51820, 0};
const Endpoint kOther{v4(198, 51, 100, 1), 51820, 0};
const Source kSource{v4(192, 0, 2, 200), 3};
const Endpoint kPeer6{v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1}), 51820, 0};
const Source kSource6{v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 2}), 3};

/// Sends of one message until an error that ICMP may be behind is believed.
constexpr std::size_t kUntilBelieved = 1 + TrainSender::kRepeats;

/// A batch of trains with octets of their own, sent over a fake network behind calls that can fail.
struct Fixture {
  FakeNetwork network;
  FaultyCalls calls{network};
  UdpCounters counters;
  std::unique_ptr<TrainSender> sender = std::make_unique<TrainSender>(Family::v4, GsoPolicy::Start::on);
  std::vector<Datagram> octets;
  std::vector<OutTrain> trains;
  std::vector<SendOutcome> outcomes;

  void plain_sender() { sender = std::make_unique<TrainSender>(Family::v4, GsoPolicy::Start::off); }

  void add(const Endpoint& to, std::size_t size, std::size_t stride, std::optional<Source> from = std::nullopt) {
    octets.push_back(numbered(size, static_cast<std::uint32_t>(octets.size() + 1)));
    trains.push_back({to, from, 0, {}, stride});
  }
  void send() {
    for (std::size_t i = 0; i < trains.size(); ++i) trains[i].octets = octets[i];
    outcomes.assign(trains.size(), SendOutcome{99, 99, 99, true, 99});
    sender->send({calls, 3, counters, trains, outcomes});
  }
  [[nodiscard]] std::vector<Datagram> expected() const {
    std::vector<Datagram> out;
    for (std::size_t i = 0; i < trains.size(); ++i) {
      for (Datagram& d : cut(octets[i], trains[i].stride)) out.push_back(std::move(d));
    }
    return out;
  }
  [[nodiscard]] std::size_t sent() const {
    return std::accumulate(outcomes.begin(), outcomes.end(), std::size_t{0},
                           [](std::size_t n, const SendOutcome& o) { return n + o.sent; });
  }
  [[nodiscard]] std::size_t failed() const {
    return std::accumulate(outcomes.begin(), outcomes.end(), std::size_t{0},
                           [](std::size_t n, const SendOutcome& o) { return n + o.failed; });
  }
};

/// True when `part` can be had from `whole` by leaving elements out.
bool is_subsequence(const std::vector<Datagram>& part, const std::vector<Datagram>& whole) {
  auto at = whole.begin();
  for (const Datagram& d : part) {
    at = std::find(at, whole.end(), d);
    if (at == whole.end()) return false;
    ++at;
  }
  return true;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a train leaves with one message and one call") {
  add(kPeer, 2500, 1000);
  send();
  REQUIRE(network.taken.size() == 1);
  CHECK(network.taken[0].segment == 1000);
  CHECK(network.datagrams() == expected());
  CHECK(outcomes[0].sent == 3);
  CHECK(outcomes[0].failed == 0);
  CHECK(outcomes[0].error == 0);
  CHECK_FALSE(outcomes[0].source_rejected);
  CHECK(counters.sent_calls == 1);
  CHECK(counters.sent_datagrams == 3);
}

TEST_CASE_FIXTURE(Fixture, "a single datagram leaves without UDP_SEGMENT") {
  add(kPeer, 1000, 1000);
  add(kPeer, 10, 1000);
  add(kPeer, 0, 1000);
  add(kPeer, 0, 0);
  send();
  REQUIRE(network.taken.size() == 4);
  for (const Taken& message : network.taken) CHECK(message.segment == 0);
  CHECK(network.datagrams() == expected());
  CHECK(counters.sent_datagrams == 4);
}

TEST_CASE_FIXTURE(Fixture, "several trains leave with one call, each to its own destination with its own marks") {
  add(kPeer, 300, 100, kSource);
  add(kOther, 200, 100);
  trains[1].tos = 0xba;
  send();
  CHECK(network.calls == 1);
  REQUIRE(network.taken.size() == 2);
  sockaddr_in to{};
  std::memcpy(&to, &network.taken[1].to, sizeof to);
  CHECK(to.sin_addr.s_addr == htonl(0xc6336401));
  CHECK(to.sin_port == htons(51820));
  CHECK(network.taken[0].source4->s_addr == htonl(0xc00002c8));
  CHECK_FALSE(network.taken[1].source4);
  CHECK(network.taken[0].tos == -1);
  CHECK(network.taken[1].tos == 0xba);
}

TEST_CASE_FIXTURE(Fixture, "a train beyond 64 segments or 65507 octets takes several messages") {
  add(kPeer, 150 * 10 + 3, 10);
  add(kPeer, 64 * 1452, 1452);
  send();
  CHECK(network.datagrams() == expected());
  for (const Taken& message : network.taken) {
    CHECK(message.octets.size() <= 65507);
    CHECK(message.octets.size() <= 64 * static_cast<std::size_t>(message.segment != 0 ? message.segment : 1500));
  }
  CHECK(network.taken.size() == 3 + 2);
  CHECK(outcomes[0].sent == 151);
  CHECK(outcomes[1].sent == 64);
}

TEST_CASE_FIXTURE(Fixture, "without segmentation datagrams leave one by one, 64 with a call") {
  plain_sender();
  add(kPeer, 100 * 50 + 7, 50);
  add(kOther, 100 * 50, 50);
  send();
  CHECK(network.datagrams() == expected());
  CHECK(network.taken.size() == 201);
  CHECK(network.calls == 4);
  CHECK(outcomes[0].sent == 101);
  CHECK(outcomes[1].sent == 100);
}

TEST_CASE_FIXTURE(Fixture, "a train of the other family or without a stride fails alone and reaches no call") {
  add({v6({1}), 1, 0}, 100, 50);
  add(kPeer, 100, 0);
  add(kPeer, 100, 50);
  send();
  CHECK(outcomes[0].error == EAFNOSUPPORT);
  CHECK(outcomes[0].failed == 2);
  CHECK(outcomes[1].error == EINVAL);
  CHECK(outcomes[1].failed == 1);
  CHECK(outcomes[2].sent == 2);
  CHECK(network.taken.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a batch that the kernel takes in parts loses and doubles nothing") {
  for (const std::size_t part : {1U, 2U, 3U, 7U}) {
    FakeNetwork slow;
    FaultyCalls through(slow);
    slow.most_at_once = part;
    plain_sender();
    trains.clear();
    octets.clear();
    add(kPeer, 1000, 100);
    add(kOther, 950, 100);
    for (std::size_t i = 0; i < trains.size(); ++i) trains[i].octets = octets[i];
    outcomes.assign(2, {});
    sender->send({through, 3, counters, trains, outcomes});
    CHECK(slow.datagrams() == expected());
    CHECK(sent() == 20);
  }
}

TEST_CASE_FIXTURE(Fixture, "EIO and EOPNOTSUPP: the train is resent plain at once, and the socket stays plain") {
  for (const int error : {EIO, EOPNOTSUPP}) {
    Fixture f;
    static int refusal;
    refusal = error;
    f.network.refuse = [](const Taken& message) { return message.segment != 0 ? refusal : 0; };
    f.add(kPeer, 2500, 1000);
    f.send();
    CHECK(f.network.datagrams() == f.expected());
    CHECK(f.outcomes[0].sent == 3);
    CHECK(f.outcomes[0].failed == 0);
    CHECK(f.outcomes[0].gso_disabled_by == error);
    CHECK(f.counters.gso_fallbacks == 1);
    f.network.taken.clear();
    f.send();
    CHECK(f.network.datagrams() == f.expected());
    CHECK(f.network.errors.size() == (error == EOPNOTSUPP ? kUntilBelieved : 1));
    CHECK(f.outcomes[0].gso_disabled_by == 0);
    CHECK(f.counters.gso_fallbacks == 1);
  }
}

TEST_CASE_FIXTURE(Fixture, "a plain resend waits for room too") {
  network.refuse = [](const Taken& message) { return message.segment != 0 ? EIO : 0; };
  add(kPeer, 2500, 1000);
  calls.fail(Op::send, EAGAIN, 3);
  send();
  CHECK(network.datagrams() == expected());
  CHECK(calls.waits.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "an error of a single datagram is tried once and says nothing about segmentation") {
  for (const int error : {EIO, EMSGSIZE, EINVAL}) {
    Fixture f;
    f.add(kPeer, 100, 100);
    f.calls.fail(Op::send, error, 1);
    f.send();
    CHECK(f.outcomes[0].failed == 1);
    CHECK(f.outcomes[0].error == error);
    CHECK(f.outcomes[0].gso_disabled_by == 0);
    CHECK(f.calls.made(Op::send) == 1);
    f.add(kPeer, 300, 100);
    f.send();
    CHECK(f.network.taken.back().segment == 100);
  }
}

TEST_CASE_FIXTURE(Fixture, "EMSGSIZE: plain for this destination, segmented for others") {
  network.refuse = [](const Taken& message) {
    sockaddr_in to{};
    std::memcpy(&to, &message.to, sizeof to);
    return message.segment > 1200 && to.sin_addr.s_addr == htonl(0xc0000201) ? EMSGSIZE : 0;
  };
  add(kPeer, 4200, 1400);
  add(kOther, 4200, 1400);
  add(kPeer, 3600, 1200);
  send();
  CHECK(network.datagrams() == expected());
  CHECK(network.errors.size() == 1);
  CHECK(network.taken.size() == 3 + 1 + 1);
  for (const SendOutcome& outcome : outcomes) CHECK(outcome.gso_disabled_by == 0);
  network.taken.clear();
  send();
  CHECK(network.errors.size() == 1);
  CHECK(network.taken.size() == 3 + 1 + 1);
  sender->forget_destinations();
  send();
  CHECK(network.errors.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "EINVAL for 64 full segments: 63 from then on, and never a lost datagram") {
  network.refuse = [](const Taken& message) {
    return message.segment != 0 && message.octets.size() + 28 > 64 * static_cast<std::size_t>(message.segment) ? EINVAL
                                                                                                               : 0;
  };
  add(kPeer, 6400, 100);
  add(kOther, 6400, 100);
  send();  // both were made before the first was refused
  CHECK(network.errors.size() == 2);
  CHECK(network.datagrams() == expected());
  network.taken.clear();
  send();
  CHECK(network.errors.size() == 2);
  CHECK(network.datagrams() == expected());
  REQUIRE(network.taken.size() == 4);
  CHECK(network.taken[0].octets.size() == 6300);
  for (const SendOutcome& outcome : outcomes) CHECK(outcome.gso_disabled_by == 0);
}

TEST_CASE_FIXTURE(Fixture, "EINVAL for one destination's small MTU: plain for it, and others keep all their segments") {
  network.refuse = [](const Taken& message) {
    sockaddr_in to{};
    std::memcpy(&to, &message.to, sizeof to);
    return message.segment > 1200 && to.sin_addr.s_addr == htonl(0xc0000201) ? EINVAL : 0;
  };
  add(kPeer, 46 * 1400, 1400);
  add(kOther, 46 * 1400, 1400);
  add(kOther, 6400, 100);
  for (int round = 0; round < 8; ++round) {
    network.taken.clear();
    send();
    CHECK(network.datagrams() == expected());
    CHECK(network.errors.size() == 1);
    CHECK(network.taken.size() == 46 + 1 + 1);
    for (const SendOutcome& outcome : outcomes) CHECK(outcome.gso_disabled_by == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "EINVAL on a destination that no datagram reaches leaves segmentation on") {
  network.refuse = [](const Taken& message) {
    sockaddr_in to{};
    std::memcpy(&to, &message.to, sizeof to);
    return to.sin_port == 0 ? EINVAL : 0;
  };
  add({v4(192, 0, 2, 1), 0, 0}, 300, 100);
  add(kPeer, 6400, 100);
  send();
  CHECK(outcomes[0].failed == 3);
  CHECK(outcomes[0].error == EINVAL);
  CHECK(outcomes[0].gso_disabled_by == 0);
  REQUIRE(network.taken.size() == 1);
  CHECK(network.taken[0].segment == 100);
  network.taken.clear();
  send();
  CHECK(network.taken.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "an error of the route drops the sticky source, and the train goes without it") {
  for (const int error : {EPERM, EACCES, ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, ENODEV, EINVAL}) {
    CAPTURE(error);
    Fixture f;
    static int refusal;
    refusal = error;
    f.network.refuse = [](const Taken& message) { return message.source4 ? refusal : 0; };
    f.add(kPeer, 300, 100, kSource);
    f.add(kOther, 300, 100);
    f.send();
    CHECK(f.network.datagrams() == f.expected());
    CHECK(f.outcomes[0].source_rejected);
    CHECK(f.outcomes[0].sent == 3);
    CHECK(f.outcomes[0].error == 0);
    CHECK_FALSE(f.outcomes[1].source_rejected);
    REQUIRE(f.network.taken.size() == 2);
    CHECK(f.network.taken[0].segment == 100);  // the source was to blame, not the segments
    CHECK(f.counters.gso_fallbacks == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "a source that the kernel rejects is tried once for all messages of its train") {
  network.refuse = [](const Taken& message) { return message.source4 ? ENETUNREACH : 0; };
  plain_sender();
  add(kPeer, 10'000, 100, kSource);
  add(kOther, 300, 100);
  send();
  CHECK(network.errors.size() == kUntilBelieved);
  CHECK(network.datagrams() == expected());
  CHECK(outcomes[0].source_rejected);
  CHECK(outcomes[0].sent == 100);
}

TEST_CASE_FIXTURE(Fixture, "a train whose source was rejected in vain is not tried twice for each message") {
  network.refuse = [](const Taken&) { return ENETUNREACH; };
  plain_sender();
  add(kPeer, 10'000, 100, kSource);
  send();
  CHECK(outcomes[0].failed == 100);
  CHECK(network.errors.size() == 2 * kUntilBelieved + 99);
}

TEST_CASE_FIXTURE(Fixture, "an error of the route without a source loses the train and nothing else") {
  for (const int error : {EPERM, ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL}) {
    CAPTURE(error);
    Fixture f;
    static int refusal;
    refusal = error;
    f.network.refuse = [](const Taken& message) {
      sockaddr_in to{};
      std::memcpy(&to, &message.to, sizeof to);
      return to.sin_addr.s_addr == htonl(0xc0000201) ? refusal : 0;
    };
    f.add(kOther, 300, 100);
    f.add(kPeer, 300, 100, kSource);
    f.add(kPeer, 300, 100);
    f.add(kOther, 300, 100);
    f.send();
    CHECK(f.outcomes[0].sent == 3);
    CHECK(f.outcomes[1].failed == 3);
    CHECK(f.outcomes[1].error == error);
    CHECK(f.outcomes[1].source_rejected);
    CHECK(f.outcomes[2].failed == 3);
    CHECK_FALSE(f.outcomes[2].source_rejected);
    CHECK(f.outcomes[3].sent == 3);
    // With the source, without it, and the train that had none.
    const bool may_be_late = error == ENETUNREACH || error == EHOSTUNREACH;
    CHECK(f.network.errors.size() == 3 * (may_be_late ? kUntilBelieved : 1));
    CHECK(f.counters.failed_datagrams == 6);
  }
}

TEST_CASE_FIXTURE(Fixture, "EINVAL with and without the source is not the source's fault") {
  network.refuse = [](const Taken& message) { return message.segment != 0 ? EINVAL : 0; };
  add(kPeer, 300, 100, kSource);
  send();
  CHECK(network.datagrams() == expected());
  CHECK_FALSE(outcomes[0].source_rejected);
  for (const Taken& message : network.taken) CHECK(message.source4);
}

TEST_CASE_FIXTURE(Fixture, "a full buffer is waited for, and the train goes") {
  for (const int error : {EAGAIN, ENOBUFS, ENOMEM}) {
    CAPTURE(error);
    Fixture f;
    f.add(kPeer, 300, 100);
    f.add(kOther, 300, 100);
    f.calls.fail(Op::send, error, 1, 3);
    f.send();
    CHECK(f.network.datagrams() == f.expected());
    CHECK(f.calls.waits.size() == 3);
    CHECK((f.calls.waits[0].first == UdpCalls::Await::writable) == (error == EAGAIN));
    CHECK(f.counters.send_waits == 3);
  }
}

TEST_CASE_FIXTURE(Fixture, "a buffer that stays full costs a millisecond a call, and one try a train") {
  for (const int error : {EAGAIN, ENOBUFS}) {
    Fixture f;
    for (int i = 0; i < 50; ++i) f.add(kPeer, 300, 100);
    f.calls.fail(Op::send, error, 1, 100'000);
    f.send();
    std::chrono::microseconds waited{0};
    for (const auto& [what, limit] : f.calls.waits) waited += limit;
    CHECK(waited > std::chrono::microseconds(0));
    CHECK(waited <= std::chrono::milliseconds(1));
    CHECK(f.failed() == 150);
    CHECK(f.sent() == 0);
    CHECK(f.calls.made(Op::send) <= 50 + f.calls.waits.size());
    for (const SendOutcome& outcome : f.outcomes) CHECK(outcome.error == error);
  }
}

TEST_CASE_FIXTURE(Fixture, "any error at any call: order kept, nothing doubled, all accounted for") {
  for (const int error :
       {EIO,         EINVAL,       EMSGSIZE, EOPNOTSUPP,    ENOBUFS, EAGAIN,       ENOMEM, EINTR, EPERM,    EACCES,
        ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, ENODEV,  ECONNREFUSED, EFAULT, EBADF, ENOTSOCK, 9999}) {
    for (const auto gso : {GsoPolicy::Start::on, GsoPolicy::Start::off}) {
      for (const unsigned times : {1U, 2U, 5U}) {
        for (unsigned nth = 1;; ++nth) {
          CAPTURE(error);
          CAPTURE(times);
          CAPTURE(nth);
          Fixture f;
          f.sender = std::make_unique<TrainSender>(Family::v4, gso);
          f.network.most_at_once = 3;
          f.add(kPeer, 950, 100, kSource);
          f.add(kOther, 700, 100);
          f.add(kPeer, 80, 100, kSource);
          f.calls.fail(Op::send, error, nth, times);
          f.send();
          const auto arrived = f.network.datagrams();
          CHECK(is_subsequence(arrived, f.expected()));
          CHECK(f.sent() == arrived.size());
          CHECK(f.sent() + f.failed() == 18);
          CHECK(f.counters.sent_datagrams == f.sent());
          CHECK(f.counters.failed_datagrams == f.failed());
          for (const SendOutcome& outcome : f.outcomes) CHECK((outcome.error != 0) == (outcome.failed != 0));
          if (f.calls.injected == 0) break;
          REQUIRE(nth < 100);
        }
      }
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "an error that never ends ends the send") {
  for (const int error : {EIO, EINVAL, EMSGSIZE, EOPNOTSUPP, ENOBUFS, EAGAIN, EINTR, EPERM, ENETUNREACH, EBADF}) {
    CAPTURE(error);
    Fixture f;
    f.add(kPeer, 6400, 100, kSource);
    f.add(kOther, 6400, 100);
    f.calls.fail(Op::send, error, 1, 1'000'000);
    f.send();
    CHECK(f.sent() == 0);
    CHECK(f.failed() == 128);
    CHECK(f.outcomes[0].error == error);
    CHECK(f.calls.made(Op::send) < 1000);
  }
}

TEST_CASE("an IPv6 sender writes IPv6 addresses, sources and traffic classes") {
  FakeNetwork network;
  UdpCounters counters;
  TrainSender sender(Family::v6, GsoPolicy::Start::on);
  const Datagram octets = numbered(300, 1);
  const OutTrain train{
      {v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}), 9, 4}, Source{v6({0xfe80, 0, 0, 0, 0, 0, 0, 2}), 4}, 0x02, octets, 100};
  SendOutcome outcome;
  sender.send({network, 3, counters, std::span(&train, 1), std::span(&outcome, 1)});
  REQUIRE(network.taken.size() == 1);
  const Taken& message = network.taken[0];
  CHECK(message.to.sin6_family == AF_INET6);
  CHECK(message.to.sin6_scope_id == 4);
  CHECK(message.to.sin6_addr.s6_addr[15] == 1);
  REQUIRE(message.source6);
  CHECK(message.source6->ipi6_addr.s6_addr[15] == 2);
  CHECK(message.source6->ipi6_ifindex == 4);
  CHECK(message.tos == 2);
  CHECK(message.segment == 100);
}

TEST_CASE("ICMP messages about earlier datagrams cost nothing and blame nobody, however many one send hears of") {
  for (const Family family : {Family::v4, Family::v6}) {
    for (const int error : {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET, ENOPROTOOPT, EOPNOTSUPP, EPROTO,
                            EACCES, EMSGSIZE}) {
      if (error == EMSGSIZE && family == Family::v4) continue;  // not told without path MTU discovery
      for (const auto gso : {GsoPolicy::Start::on, GsoPolicy::Start::off}) {
        CAPTURE(error);
        Fixture f;
        f.sender = std::make_unique<TrainSender>(family, gso);
        for (int i = 0; i < 8; ++i)
          f.add(family == Family::v4 ? kPeer : kPeer6, 300, 100, family == Family::v4 ? kSource : kSource6);
        f.calls.fail(Op::send, error, 1, TrainSender::kRepeats);
        for (unsigned nth = 6; nth < 40; nth += 2) f.calls.fail(Op::send, error, nth);
        f.send();
        CHECK(f.calls.injected > TrainSender::kRepeats);
        CHECK(f.network.datagrams() == f.expected());
        CHECK(f.sent() == 24);
        CHECK(f.counters.failed_datagrams == 0);
        CHECK(f.counters.gso_fallbacks == 0);
        for (const SendOutcome& outcome : f.outcomes) {
          CHECK_FALSE(outcome.source_rejected);
          CHECK(outcome.gso_disabled_by == 0);
        }
        for (const Taken& message : f.network.taken) {
          CHECK(message.segment == (gso == GsoPolicy::Start::on ? 100 : 0));
          CHECK((message.source4 || message.source6));
        }
      }
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "ICMP messages that come during a plain resend cost no datagram either") {
  network.refuse = [](const Taken& message) { return message.segment != 0 ? EIO : 0; };
  add(kPeer, 1000, 100);
  for (unsigned nth = 2; nth < 40; nth += 2) calls.fail(Op::send, ECONNREFUSED, nth);
  send();
  CHECK(calls.injected >= 10);
  CHECK(network.datagrams() == expected());
  CHECK(outcomes[0].sent == 10);
}

TEST_CASE_FIXTURE(Fixture, "a flood of ICMP messages that outlasts all tries loses datagrams, and blames nobody") {
  for (int i = 0; i < 32; ++i) add(kPeer, 300, 100, kSource);
  // No two in a row are alike, so that none is ever believed.
  for (unsigned nth = 1; nth < 400; ++nth) calls.fail(Op::send, nth % 2 != 0 ? EHOSTUNREACH : EOPNOTSUPP, nth);
  send();
  CHECK(failed() == 96);
  CHECK(calls.made(Op::send) == 32 + TrainSender::kMaxRepeats);
  for (const SendOutcome& outcome : outcomes) {
    CHECK_FALSE(outcome.source_rejected);
    CHECK(outcome.gso_disabled_by == 0);
  }
  for (unsigned nth = 0; nth < 400; ++nth) (void)calls.send_batch(3, {});  // until it is over
  send();
  CHECK(network.datagrams() == expected());
  CHECK(network.taken.back().segment == 100);
  CHECK(network.taken.back().source4);
}

TEST_CASE_FIXTURE(Fixture, "tries suffice for 32 trains whose sources are all stale") {
  network.refuse = [](const Taken& message) { return message.source4 ? EHOSTUNREACH : 0; };
  for (int i = 0; i < 32; ++i) add(kPeer, 300, 100, kSource);
  send();
  CHECK(network.datagrams() == expected());
  for (const SendOutcome& outcome : outcomes) CHECK(outcome.source_rejected);
}
