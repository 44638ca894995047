// SPDX-License-Identifier: MIT
#include "udp_receive.hpp"

#include <functional>

#include "udp_support.hpp"

using namespace culvert;
using namespace culvert::io;
using namespace culvert::io::test;

namespace {

/// recvmmsg by script: each call runs the next step, the last one for ever.
class ScriptedReceive final : public FakeNetwork {
 public:
  using Step = std::function<int(std::span<mmsghdr>)>;
  std::vector<Step> steps;
  unsigned rests = 0;
  unsigned received = 0;

  int receive_batch(int, std::span<mmsghdr> messages) noexcept override {
    const std::size_t step = std::min<std::size_t>(received++, steps.size() - 1);
    return steps[step](messages);
  }
  void wait(int, Await what, std::chrono::microseconds limit) noexcept override {
    CHECK(what == Await::nothing);
    CHECK(limit <= std::chrono::milliseconds(1));
    ++rests;
  }
};

ScriptedReceive::Step failing(int error) {
  return [error](std::span<mmsghdr>) { return -error; };
}

void deliver(mmsghdr& header, std::size_t octets, int segment = 0) {
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_port = htons(777);
  from.sin_addr.s_addr = htonl(0xc0000207);
  std::memcpy(header.msg_hdr.msg_name, &from, sizeof from);
  header.msg_hdr.msg_namelen = sizeof from;
  header.msg_len = static_cast<unsigned>(octets);
  header.msg_hdr.msg_controllen = 0;
  if (segment == 0) return;
  const cmsghdr control{CMSG_LEN(sizeof segment), 17, 104};
  auto* at = static_cast<std::uint8_t*>(header.msg_hdr.msg_control);
  std::memcpy(at, &control, sizeof control);
  std::memcpy(at + CMSG_LEN(0), &segment, sizeof segment);
  header.msg_hdr.msg_controllen = CMSG_SPACE(sizeof segment);
}

struct Fixture {
  ScriptedReceive calls;
  TrainReceiver receiver;
  ReceiveSlab slab{4};
  UdpCounters counters;

  ReceiveOutcome receive() { return receiver.receive(calls, 3, slab, counters); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "every error but a lost descriptor passes, and the next datagram arrives") {
  for (const int error : {ECONNREFUSED, EINTR, ENOMEM, ENETDOWN, EHOSTUNREACH, ENETUNREACH, EPERM, EMSGSIZE, ENOBUFS,
                          EIO, EINVAL, ENOPROTOOPT, EPROTO, 9999}) {
    CAPTURE(error);
    ScriptedReceive fresh;
    fresh.steps = {failing(error), failing(error), failing(error), failing(error), [](std::span<mmsghdr> m) {
                     deliver(m[0], 5);
                     return 1;
                   }};
    unsigned failures = 0;
    ReceiveOutcome outcome;
    for (int i = 0; i < 10; ++i) {
      outcome = receiver.receive(fresh, 3, slab, counters);
      if (outcome.status == ReceiveStatus::received) break;
      CHECK(outcome.status == ReceiveStatus::failed);
      CHECK(outcome.error == error);
      CHECK(outcome.trains.empty());
      ++failures;
    }
    CHECK(outcome.status == ReceiveStatus::received);
    CHECK(failures == (error == EINTR ? 1 : 4));  // an interrupted call is repeated within one receive
  }
  CHECK(counters.receive_errors == 13 * 4 + 1);
}

TEST_CASE_FIXTURE(Fixture, "EBADF and ENOTSOCK are the end") {
  for (const int error : {EBADF, ENOTSOCK}) {
    calls.steps = {failing(error)};
    const auto outcome = receive();
    CHECK(outcome.status == ReceiveStatus::dead);
    CHECK(outcome.error == error);
  }
}

TEST_CASE_FIXTURE(Fixture, "EAGAIN means empty and is no error") {
  calls.steps = {failing(EAGAIN)};
  CHECK(receive().status == ReceiveStatus::empty);
  CHECK(counters.receive_errors == 0);
}

TEST_CASE_FIXTURE(Fixture, "an error that does not end slows its thread down, until it ends") {
  calls.steps = {failing(ENOMEM)};
  for (int i = 0; i < 7; ++i) (void)receive();
  CHECK(calls.rests == 0);
  for (int i = 0; i < 100; ++i) CHECK(receive().status == ReceiveStatus::failed);
  CHECK(calls.rests == 100);
  calls.steps = {failing(EAGAIN)};
  (void)receive();
  calls.steps = {failing(ENOMEM)};
  (void)receive();
  CHECK(calls.rests == 100);
}

TEST_CASE_FIXTURE(Fixture, "a train comes with its stride, a datagram with its length, an empty one with 1") {
  calls.steps = {[](std::span<mmsghdr> m) {
    deliver(m[0], 2500, 1000);
    deliver(m[1], 600);
    deliver(m[2], 0);
    return 3;
  }};
  const auto outcome = receive();
  REQUIRE(outcome.status == ReceiveStatus::received);
  REQUIRE(outcome.trains.size() == 3);
  CHECK(outcome.trains[0].octets.size() == 2500);
  CHECK(outcome.trains[0].stride == 1000);
  CHECK(outcome.trains[0].octets.data() == slab.slot(0).data());
  CHECK(outcome.trains[0].from == Endpoint{v4(192, 0, 2, 7), 777, 0});
  CHECK(outcome.trains[1].stride == 600);
  CHECK(outcome.trains[1].octets.data() == slab.slot(1).data());
  CHECK(outcome.trains[2].octets.empty());
  CHECK(outcome.trains[2].stride == 1);
  CHECK(counters.received_datagrams == 3 + 1 + 1);
  CHECK(counters.received_calls == 1);
}

TEST_CASE_FIXTURE(Fixture, "a segment size beyond the data, or with no data, makes one datagram") {
  calls.steps = {[](std::span<mmsghdr> m) {
    deliver(m[0], 100, 101);
    deliver(m[1], 100, 100);
    deliver(m[2], 0, 50);
    deliver(m[3], 100, 0x7fffffff);
    return 4;
  }};
  const auto outcome = receive();
  REQUIRE(outcome.trains.size() == 4);
  CHECK(outcome.trains[0].stride == 100);
  CHECK(outcome.trains[1].stride == 100);
  CHECK(outcome.trains[2].stride == 1);
  CHECK(outcome.trains[3].stride == 100);
  CHECK(counters.received_datagrams == 4);
}

TEST_CASE_FIXTURE(Fixture, "truncation is told, and a length beyond the slot is cut to it") {
  calls.steps = {[](std::span<mmsghdr> m) {
    deliver(m[0], 100);
    m[0].msg_hdr.msg_flags = MSG_TRUNC;
    deliver(m[1], 200'000);
    deliver(m[2], 100);
    return 3;
  }};
  const auto outcome = receive();
  REQUIRE(outcome.trains.size() == 3);
  CHECK(outcome.trains[0].truncated);
  CHECK(outcome.trains[1].truncated);
  CHECK(outcome.trains[1].octets.size() == slab.slot(1).size());
  CHECK_FALSE(outcome.trains[2].truncated);
}

TEST_CASE_FIXTURE(Fixture, "a sender without a usable address is skipped, the others stay with their octets") {
  calls.steps = {[](std::span<mmsghdr> m) {
    deliver(m[0], 10);
    m[0].msg_hdr.msg_namelen = 0;
    deliver(m[1], 20);
    return 2;
  }};
  const auto outcome = receive();
  REQUIRE(outcome.trains.size() == 1);
  CHECK(outcome.trains[0].octets.data() == slab.slot(1).data());
  CHECK(outcome.trains[0].octets.size() == 20);
  calls.steps = {[](std::span<mmsghdr> m) {
    deliver(m[0], 10);
    m[0].msg_hdr.msg_namelen = 0;
    return 1;
  }};
  CHECK(receive().status == ReceiveStatus::empty);
}

TEST_CASE_FIXTURE(Fixture, "a count beyond the slab does not lead beyond it") {
  calls.steps = {[](std::span<mmsghdr> m) {
    for (mmsghdr& header : m) deliver(header, 1);
    return 1000;
  }};
  CHECK(receive().trains.size() == 4);
}

TEST_CASE_FIXTURE(Fixture, "the kernel's count of lost datagrams adds up, also across its 32 bits") {
  std::uint32_t lost = 0;
  calls.steps = {[&lost](std::span<mmsghdr> m) {
    deliver(m[0], 1);
    const cmsghdr control{CMSG_LEN(sizeof lost), SOL_SOCKET, 40};
    auto* at = static_cast<std::uint8_t*>(m[0].msg_hdr.msg_control);
    std::memcpy(at, &control, sizeof control);
    std::memcpy(at + CMSG_LEN(0), &lost, sizeof lost);
    m[0].msg_hdr.msg_controllen = CMSG_SPACE(sizeof lost);
    return 1;
  }};
  lost = 10;
  (void)receive();
  (void)receive();
  CHECK(counters.kernel_drops == 10);
  lost = 0xfffffff0;
  (void)receive();
  lost = 5;
  (void)receive();
  CHECK(counters.kernel_drops == 0x1'0000'0005);
}
