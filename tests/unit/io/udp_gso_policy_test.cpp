// SPDX-License-Identifier: MIT
#include "udp_gso_policy.hpp"

#include "udp_support.hpp"

using namespace culvert;
using namespace culvert::io;
using culvert::io::test::v4;

namespace {

const IpAddress kNear = v4(192, 0, 2, 1);
const IpAddress kFar = v4(198, 51, 100, 1);

GsoRefusal refusal(int error, std::size_t segments = 64, std::size_t stride = 1000) {
  return {error, kNear, stride, segments};
}

}  // namespace

TEST_CASE("a send takes 64 segments, and no more than a datagram's 65507 octets") {
  GsoPolicy policy(GsoPolicy::Start::on);
  CHECK(policy.take_segments(kNear, 100) == 64);
  CHECK(policy.take_segments(kNear, 1023) == 64);
  CHECK(policy.take_segments(kNear, 1024) == 63);
  CHECK(policy.take_segments(kNear, 1452) == 45);
  CHECK(policy.take_segments(kNear, 32753) == 2);
  CHECK(policy.take_segments(kNear, 32754) == 1);
  CHECK(policy.take_segments(kNear, 65507) == 1);
  CHECK(policy.take_segments(kNear, 0) == 1);
  CHECK(policy.take_segments(kNear, SIZE_MAX) == 1);
}

TEST_CASE("segmentation that starts off stays off") {
  GsoPolicy policy(GsoPolicy::Start::off);
  CHECK_FALSE(policy.enabled());
  CHECK(policy.take_segments(kNear, 100) == 1);
  CHECK_FALSE(policy.learn(refusal(EIO), Resend::went));
}

TEST_CASE("EIO and EOPNOTSUPP switch segmentation off for the socket, once") {
  for (const int error : {EIO, EOPNOTSUPP}) {
    for (const Resend resend : {Resend::went, Resend::failed}) {
      GsoPolicy policy(GsoPolicy::Start::on);
      CHECK(policy.learn(refusal(error), resend));
      CHECK_FALSE(policy.enabled());
      CHECK(policy.take_segments(kFar, 100) == 1);
      CHECK_FALSE(policy.learn(refusal(error), resend));
    }
  }
}

TEST_CASE("EMSGSIZE ends segmentation for one destination, for segments of that size and longer") {
  GsoPolicy policy(GsoPolicy::Start::on);
  CHECK_FALSE(policy.learn(refusal(EMSGSIZE, 40, 1400), Resend::went));
  CHECK(policy.take_segments(kNear, 1400) == 1);
  CHECK(policy.take_segments(kNear, 1452) == 1);
  CHECK(policy.take_segments(kNear, 1399) == 46);
  CHECK(policy.take_segments(kFar, 1400) == 46);
  CHECK_FALSE(policy.learn(refusal(EMSGSIZE, 40, 1300), Resend::went));
  CHECK(policy.take_segments(kNear, 1300) == 1);
  CHECK(policy.take_segments(kNear, 1400) == 1);
  CHECK(policy.take_segments(kNear, 1299) == 50);
  // One batch may hold a shorter train and a longer one, and both are refused.
  CHECK_FALSE(policy.learn(refusal(EMSGSIZE, 40, 1452), Resend::went));
  CHECK(policy.take_segments(kNear, 1300) == 1);
  policy.forget_destinations();
  CHECK(policy.take_segments(kNear, 1400) == 46);
}

TEST_CASE("a destination that refused segmentation is tried again after many sends") {
  GsoPolicy policy(GsoPolicy::Start::on);
  (void)policy.learn(refusal(EMSGSIZE, 40, 1300), Resend::went);
  unsigned plain = 0;
  while (policy.take_segments(kNear, 1400) == 1 && plain < 100'000) ++plain;
  CHECK(plain == 4096);
  // The route takes 1300 by then but not 1400: only the latest refusal counts.
  (void)policy.learn(refusal(EMSGSIZE, 40, 1400), Resend::went);
  CHECK(policy.take_segments(kNear, 1400) == 1);
  CHECK(policy.take_segments(kNear, 1300) == 50);
}

TEST_CASE("the memory of destinations is bounded, and the oldest makes room") {
  GsoPolicy policy(GsoPolicy::Start::on);
  for (std::uint8_t i = 0; i < 33; ++i) (void)policy.learn({EMSGSIZE, v4(10, 0, 0, i), 1400, 40}, Resend::went);
  CHECK(policy.take_segments(v4(10, 0, 0, 0), 1400) == 46);
  for (std::uint8_t i = 1; i < 33; ++i) CHECK(policy.take_segments(v4(10, 0, 0, i), 1400) == 1);
}

TEST_CASE("EINVAL on 64 segments leaves 63 to everybody") {
  GsoPolicy policy(GsoPolicy::Start::on);
  CHECK_FALSE(policy.learn(refusal(EINVAL, 64, 100), Resend::went));
  for (const IpAddress& to : {kNear, kFar}) {
    CHECK(policy.take_segments(to, 100) == 63);
    CHECK(policy.take_segments(to, 1400) == 46);
  }
}

TEST_CASE("EINVAL on fewer segments is a route's small MTU: it ends segmentation for one destination and that size") {
  GsoPolicy policy(GsoPolicy::Start::on);
  for (const std::size_t segments : {2U, 10U, 46U, 63U}) {
    CHECK_FALSE(policy.learn(refusal(EINVAL, segments, 1400), Resend::went));
    CHECK(policy.take_segments(kNear, 1400) == 1);
    CHECK(policy.take_segments(kNear, 1399) == 46);
    CHECK(policy.take_segments(kFar, 1400) == 46);
    CHECK(policy.take_segments(kFar, 100) == 64);
  }
  policy.forget_destinations();
  CHECK(policy.take_segments(kNear, 1400) == 46);
}

TEST_CASE("a destination that takes no segments at all ends with none, and takes the others' no more than one") {
  GsoPolicy policy(GsoPolicy::Start::on);
  for (int i = 0; i < 8; ++i) {
    const std::size_t segments = policy.take_segments(kNear, 100);
    if (segments > 1) CHECK_FALSE(policy.learn(refusal(EINVAL, segments, 100), Resend::went));
  }
  CHECK(policy.take_segments(kNear, 100) == 1);
  CHECK(policy.take_segments(kFar, 100) == 63);
}

TEST_CASE("a train that fails without segmentation too teaches nothing, for EINVAL and EMSGSIZE") {
  GsoPolicy policy(GsoPolicy::Start::on);
  for (const int error : {EINVAL, EMSGSIZE}) {
    CHECK_FALSE(policy.learn(refusal(error), Resend::failed));
    CHECK(policy.take_segments(kNear, 1000) == 64);
  }
}
