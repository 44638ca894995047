// SPDX-License-Identifier: MIT
#include "half_channel.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <filesystem>
#include <numeric>

using namespace culvert;
using namespace culvert::daemon;

namespace {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

HalfPair pair() {
  auto made = make_half_pair();
  REQUIRE(made);
  return std::move(*made);
}

}  // namespace

TEST_CASE("a message arrives whole, with its descriptors in order, closed on exec") {
  const HalfPair ends = pair();
  std::vector<std::uint8_t> octets(200);
  std::iota(octets.begin(), octets.end(), std::uint8_t{0});
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const io::UniqueFd reading(pipe[0]);
  io::UniqueFd writing(pipe[1]);
  REQUIRE(send_half_message(ends.mine.get(), octets, pipe));
  REQUIRE(send_half_message(ends.mine.get(), Bytes(octets).first(1)));

  const auto first = receive_half_message(ends.theirs.get(), 2);
  REQUIRE(first);
  CHECK(std::vector<std::uint8_t>(first->bytes().begin(), first->bytes().end()) == octets);
  REQUIRE(first->descriptors.size() == 2);
  CHECK((::fcntl(first->descriptors[1].get(), F_GETFD) & FD_CLOEXEC) != 0);
  writing.reset();
  CHECK(::write(first->descriptors[1].get(), "x", 1) == 1);
  char octet = 0;
  CHECK(::read(first->descriptors[0].get(), &octet, 1) == 1);
  CHECK(octet == 'x');
  const auto second = receive_half_message(ends.theirs.get());
  REQUIRE(second);
  CHECK(second->size == 1);
}

TEST_CASE("descriptors that nobody asked for are not taken in, and none leaks") {
  const HalfPair ends = pair();
  const std::vector<std::uint8_t> octets(32, 1);
  const std::vector<int> many(5, 0);
  const std::size_t before = open_descriptors();
  for (const std::size_t most : {std::size_t{0}, std::size_t{2}, std::size_t{4}}) {
    REQUIRE(send_half_message(ends.mine.get(), octets, many));
    const auto got = receive_half_message(ends.theirs.get(), most);
    REQUIRE(!got);
    CHECK(got.error() == EMSGSIZE);
    CHECK(open_descriptors() == before);
  }
}

TEST_CASE("as many descriptors as a message may have pass, and no more are sent") {
  const HalfPair ends = pair();
  const std::vector<std::uint8_t> octets(8, 1);
  REQUIRE(send_half_message(ends.mine.get(), octets, std::vector<int>(half::kMaxDescriptors, 0)));
  const auto got = receive_half_message(ends.theirs.get(), half::kMaxDescriptors);
  REQUIRE(got);
  CHECK(got->descriptors.size() == half::kMaxDescriptors);
  CHECK(send_half_message(ends.mine.get(), octets, std::vector<int>(half::kMaxDescriptors + 1, 0)).error() == EMSGSIZE);
}

TEST_CASE("a message that is too long is refused whole") {
  const HalfPair ends = pair();
  REQUIRE(send_half_message(ends.mine.get(), std::vector<std::uint8_t>(half::kMaxMessageOctets + 1, 1)));
  CHECK(receive_half_message(ends.theirs.get()).error() == EMSGSIZE);
}

TEST_CASE("neither side ever waits to send or to receive") {
  const HalfPair ends = pair();
  CHECK(receive_half_message(ends.theirs.get()).error() == EAGAIN);
  const std::vector<std::uint8_t> octets(half::kMaxMessageOctets, 1);
  Result<void, int> sent;
  for (int i = 0; i < 100'000 && sent; ++i) sent = send_half_message(ends.mine.get(), octets);
  REQUIRE(!sent);
  CHECK(sent.error() == EAGAIN);
}

TEST_CASE("the end of the other half is a message of no octets, and a broken pipe without a signal") {
  HalfPair ends = pair();
  CHECK(await_half_message(ends.mine.get(), 0).error() == ETIMEDOUT);
  ends.theirs.reset();
  CHECK(await_half_message(ends.mine.get(), 0));
  const auto got = receive_half_message(ends.mine.get());
  REQUIRE(got);
  CHECK(got->size == 0);
  CHECK(send_half_message(ends.mine.get(), std::vector<std::uint8_t>(1)).error() == EPIPE);
}
