// SPDX-License-Identifier: MIT
#include "tun_system_queue.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace {

using culvert::io::make_tun_queue;
using culvert::io::TunCalls;
using culvert::io::TunOffload;
using culvert::io::TunStop;
using culvert::io::UniqueFd;
using culvert::io::VnetHeader;

// One file whose reads and writes these are. `errors` are used up first.
std::vector<int> errors;
std::vector<std::uint8_t> waiting;
std::vector<std::uint8_t> taken;
int calls_made = 0;
int last_fd = -1;

bool fails() {
  ++calls_made;
  if (errors.empty()) return false;
  errno = errors.front();
  errors.erase(errors.begin());
  return true;
}

ssize_t fake_readv(int fd, const iovec* parts, int count) {
  last_fd = fd;
  if (fails()) return -1;
  std::size_t done = 0;
  for (int i = 0; i < count; ++i) {
    const std::size_t n = std::min(parts[i].iov_len, waiting.size() - done);
    if (n > 0) std::memcpy(parts[i].iov_base, waiting.data() + done, n);
    done += n;
  }
  return static_cast<ssize_t>(done);
}

ssize_t fake_writev(int fd, const iovec* parts, int count) {
  last_fd = fd;
  if (fails()) return -1;
  taken.clear();
  for (int i = 0; i < count; ++i) {
    const auto* octets = static_cast<const std::uint8_t*>(parts[i].iov_base);
    taken.insert(taken.end(), octets, octets + parts[i].iov_len);
  }
  return static_cast<ssize_t>(taken.size());
}

const TunCalls kFake{
    .open = nullptr, .ioctl = nullptr, .readv = fake_readv, .writev = fake_writev, .write = nullptr, .poll = nullptr};

std::unique_ptr<culvert::io::TunQueue> queue_with(TunOffload offload) {
  errors.clear();
  calls_made = 0;
  return make_tun_queue(UniqueFd(::open("/dev/null", O_RDWR)), UniqueFd(), offload, kFake);
}

const VnetHeader kPair{.flags = 1, .gso_type = 1, .hdr_len = 40, .gso_size = 2, .csum_start = 20, .csum_offset = 16};

}  // namespace

TEST_CASE("a read gives the vnet header in host order, and the packet behind it") {
  const auto queue = queue_with(TunOffload::udp);
  waiting.assign(sizeof(VnetHeader), 0);
  std::memcpy(waiting.data(), &kPair, sizeof kPair);
  waiting.insert(waiting.end(), {1, 2, 3});
  std::vector<std::uint8_t> buffer(100);
  const auto read = queue->read(buffer);
  REQUIRE(read.has_value());
  CHECK(read->header.gso_type == 1);
  CHECK(read->header.hdr_len == 40);
  CHECK(read->header.gso_size == 2);
  CHECK(read->header.csum_start == 20);
  CHECK(read->header.csum_offset == 16);
  CHECK(read->packet.data() == buffer.data());
  CHECK(std::vector<std::uint8_t>(read->packet.begin(), read->packet.end()) == std::vector<std::uint8_t>{1, 2, 3});
  CHECK(queue->counters().read_super_packets == 1);
  CHECK(queue->counters().read_octets == 3);
}

TEST_CASE("a queue without vnet headers reads and writes bare packets") {
  const auto queue = queue_with(TunOffload::none);
  waiting = {4, 5};
  std::vector<std::uint8_t> buffer(100);
  const auto read = queue->read(buffer);
  REQUIRE(read.has_value());
  CHECK(read->packet.size() == 2);
  CHECK(read->header.gso_type == 0);
  std::uint8_t octets[] = {7, 8, 9};
  const iovec parts[] = {{octets, 1}, {octets + 1, 2}};
  CHECK(queue->write(VnetHeader{}, parts).has_value());
  CHECK(taken == std::vector<std::uint8_t>{7, 8, 9});
  const auto joined = queue->write(kPair, parts);
  REQUIRE_FALSE(joined.has_value());
  CHECK(joined.error().stop == TunStop::refused);
  CHECK(calls_made == 2);
}

TEST_CASE("a write puts the vnet header in front of all parts and counts the packets in it") {
  const auto queue = queue_with(TunOffload::tcp);
  std::vector<std::uint8_t> octets(45, 6);
  const iovec parts[] = {{octets.data(), 40}, {octets.data(), 5}};
  REQUIRE(queue->write(kPair, parts).has_value());
  REQUIRE(taken.size() == 55);
  CHECK(std::memcmp(taken.data(), &kPair, 10) == 0);
  CHECK(queue->counters().written_super_packets == 1);
  CHECK(queue->counters().written_packets == 3);  // 5 octets in steps of 2
  CHECK(queue->counters().written_octets == 45);
  REQUIRE(queue->write(VnetHeader{}, std::span(parts).first(1)).has_value());
  CHECK(queue->counters().written_packets == 4);
}

TEST_CASE("a queue with a writer reads from itself and writes to that alone; one without does both itself") {
  errors.clear();
  UniqueFd queue_fd(::open("/dev/null", O_RDWR)), writer_fd(::open("/dev/null", O_RDWR));
  const int reads_from = queue_fd.get(), writes_to = writer_fd.get();
  std::vector<std::uint8_t> buffer(100);
  waiting.assign(20, 0);
  const iovec part{buffer.data(), 20};
  const auto pair = make_tun_queue(std::move(queue_fd), std::move(writer_fd), TunOffload::udp, kFake);
  CHECK(pair->descriptor() == reads_from);
  REQUIRE(pair->read(buffer).has_value());
  CHECK(last_fd == reads_from);
  REQUIRE(pair->write(VnetHeader{}, {&part, 1}).has_value());
  CHECK(last_fd == writes_to);
  const auto single = queue_with(TunOffload::udp);
  REQUIRE(single->write(VnetHeader{}, {&part, 1}).has_value());
  CHECK(last_fd == single->descriptor());
}

TEST_CASE("more parts than the contract allows are refused without a call") {
  const auto queue = queue_with(TunOffload::tcp);
  std::uint8_t octet = 0;
  const std::vector<iovec> parts(66, iovec{&octet, 1});
  CHECK(queue->write(VnetHeader{}, std::span(parts).first(65)).has_value());
  CHECK(queue->write(VnetHeader{}, parts).error().stop == TunStop::refused);
  CHECK(calls_made == 1);
}

TEST_CASE("each error of a read has its meaning, and a signal none") {
  const std::pair<int, TunStop> table[] = {
      {EAGAIN, TunStop::empty}, {EIO, TunStop::down},      {EBADFD, TunStop::gone},   {EBADF, TunStop::gone},
      {ENODEV, TunStop::gone},  {ENOMEM, TunStop::failed}, {EFAULT, TunStop::failed}, {EINVAL, TunStop::failed}};
  for (const auto& [error, stop] : table) {
    const auto queue = queue_with(TunOffload::udp);
    errors = {EINTR, EINTR, error};
    std::vector<std::uint8_t> buffer(100);
    const auto read = queue->read(buffer);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().stop == stop);
    CHECK(read.error().error == error);
    CHECK(calls_made == 3);
    CHECK(queue->counters().read_errors == (stop == TunStop::empty ? 0 : 1));
    CHECK(queue->counters().read_super_packets == 0);
  }
}

TEST_CASE("a read shorter than the vnet header is an error, not a packet") {
  const auto queue = queue_with(TunOffload::udp);
  std::vector<std::uint8_t> buffer(100);
  for (std::size_t size = 0; size < 10; ++size) {
    waiting.assign(size, 0);
    const auto read = queue->read(buffer);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().stop == TunStop::failed);
  }
  waiting.assign(10, 0);
  CHECK(queue->read(buffer)->packet.empty());
}

TEST_CASE("each error of a write has its meaning, and a signal none") {
  const std::pair<int, TunStop> table[] = {
      {EINVAL, TunStop::refused}, {EIO, TunStop::down},    {EBADFD, TunStop::gone}, {EAGAIN, TunStop::full},
      {ENOBUFS, TunStop::full},   {ENOMEM, TunStop::full}, {ENOSPC, TunStop::full}, {EPERM, TunStop::failed}};
  for (const auto& [error, stop] : table) {
    const auto queue = queue_with(TunOffload::udp);
    errors = {EINTR, error};
    std::uint8_t octet = 0;
    const iovec part{&octet, 1};
    const auto written = queue->write(VnetHeader{}, {&part, 1});
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().stop == stop);
    CHECK(written.error().error == error);
    CHECK(calls_made == 2);
    CHECK(queue->counters().write_errors == 1);
    CHECK(queue->counters().written_packets == 0);
    CHECK(queue->write(VnetHeader{}, {&part, 1}).has_value());
  }
}
