// SPDX-License-Identifier: MIT
#include "mailbox.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "ring.hpp"

using namespace culvert::engine;

TEST_CASE("mail arrives in the order of posting, batch by batch") {
  Mailbox<int> box;
  CHECK_FALSE(box.waiting());
  box.post({1, 2});
  box.post({});
  box.post({3});
  CHECK(box.waiting());
  std::vector<int> seen;
  box.take([&](int&& i) { seen.push_back(i); });
  CHECK(seen == std::vector<int>{1, 2, 3});
  CHECK_FALSE(box.waiting());
}

TEST_CASE("two writers lose no mail, and each one's order is kept") {
  Mailbox<int> box;
  constexpr int kEach = 20'000;
  const auto write = [&](int sign) {
    for (int i = 1; i <= kEach; ++i) box.post({sign * i});
  };
  std::thread up(write, 1);
  std::thread down(write, -1);
  int last_up = 0;
  int last_down = 0;
  bool ordered = true;
  while (last_up < kEach || last_down > -kEach)
    box.take([&](int&& i) {
      int& last = i > 0 ? last_up : last_down;
      ordered = ordered && i == last + (i > 0 ? 1 : -1);
      last = i;
    });
  up.join();
  down.join();
  CHECK(ordered);
}

TEST_CASE("a mailbox that dies with mail frees it") {
  auto box = std::make_unique<Mailbox<std::unique_ptr<int>>>();
  std::vector<std::unique_ptr<int>> mail;
  mail.push_back(std::make_unique<int>(1));
  box->post(std::move(mail));
  box.reset();
}

TEST_CASE("a full ring refuses and keeps the item whole") {
  Ring<std::unique_ptr<int>> ring(4);
  for (int i = 0; i < 4; ++i) {
    auto item = std::make_unique<int>(i);
    CHECK(ring.push(item));
  }
  auto extra = std::make_unique<int>(9);
  CHECK_FALSE(ring.push(extra));
  CHECK(*extra == 9);
  CHECK(ring.room() == 0);
  std::unique_ptr<int> out;
  CHECK(ring.pop(out));
  CHECK(*out == 0);
  CHECK(ring.push(extra));
}

TEST_CASE("a ring carries everything from one thread to another in order") {
  Ring<int> ring(64);
  constexpr int kCount = 100'000;
  std::thread writer([&] {
    for (int i = 0; i < kCount; ++i)
      while (!ring.push(i)) std::this_thread::yield();
  });
  int next = 0;
  bool ordered = true;
  while (next < kCount) {
    int item = 0;
    if (ring.pop(item))
      ordered = ordered && item == next++;
    else
      std::this_thread::yield();
  }
  writer.join();
  CHECK(ordered);
}
