// SPDX-License-Identifier: MIT
#include "handshake_queue.hpp"

#include <doctest/doctest.h>

using namespace culvert;
using namespace culvert::engine;
using namespace std::chrono_literals;

TEST_CASE("the queue is first in, first out, and refuses the 1025th") {
  HandshakeQueue queue;
  const Instant now(100s);
  for (std::uint32_t i = 0; i < 1024; ++i) {
    report::Handshake message;
    message.from.port = static_cast<std::uint16_t>(i);
    CHECK(queue.push(now, message));
  }
  CHECK_FALSE(queue.push(now, {}));
  for (std::uint32_t i = 0; i < 1024; ++i) CHECK(queue.pop()->from.port == i);
  CHECK(queue.pop() == nullptr);
}

TEST_CASE("from the 128th waiting message on, and for one second after, the device is busy") {
  HandshakeQueue queue;
  Instant now(100s);
  for (int i = 0; i < 127; ++i) CHECK(queue.push(now, {}));
  CHECK(queue.load(now) == Load::normal);
  CHECK(queue.push(now, {}));
  CHECK(queue.load(now) == Load::busy);
  while (queue.pop() != nullptr) {
  }
  CHECK(queue.load(now + 999ms) == Load::busy);
  CHECK(queue.load(now + 1s) == Load::normal);
}

TEST_CASE(
    "with the 512th message it is crowded, with the 768th its load is heavy, and less as soon as there are fewer") {
  HandshakeQueue queue;
  const Instant now(100s);
  for (int i = 0; i < 511; ++i) CHECK(queue.push(now, {}));
  CHECK(queue.load(now) == Load::busy);
  CHECK(queue.push(now, {}));
  CHECK(queue.load(now) == Load::crowded);
  for (int i = 512; i < 767; ++i) CHECK(queue.push(now, {}));
  CHECK(queue.load(now) == Load::crowded);
  CHECK(queue.push(now, {}));
  CHECK(queue.load(now) == Load::heavy);
  CHECK(queue.pop() != nullptr);
  CHECK(queue.load(now) == Load::crowded);
  for (int i = 767; i > 511; --i) CHECK(queue.pop() != nullptr);
  CHECK(queue.load(now) == Load::busy);
}
