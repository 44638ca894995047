// SPDX-License-Identifier: MIT
#include "files.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <thread>

#include "failure.hpp"
#include "temporary_folder.hpp"

using namespace culvert::cli;

TEST_CASE("a file with keys is its owner's alone, in a folder that is made for it") {
  const TemporaryFolder folder;
  write_private_file(folder.at("wg0.d/alice.toml"), "secret\n", Existing::keep);
  CHECK(folder.text("wg0.d/alice.toml") == "secret\n");
  CHECK(folder.mode("wg0.d/alice.toml") == 0600);
  CHECK(folder.mode("wg0.d") == 0700);
}

TEST_CASE("an existing file is kept unless it is to be replaced, and nothing is left beside it") {
  const TemporaryFolder folder;
  folder.write("a", "old");
  CHECK_THROWS_WITH_AS(write_private_file(folder.at("a"), "new", Existing::keep),
                       (folder.at("a") + " exists already; it is left as it is (--force replaces it)").c_str(),
                       Failure);
  CHECK(folder.text("a") == "old");
  CHECK_THROWS_AS(require_free(folder.at("a"), Existing::keep), Failure);
  require_free(folder.at("a"), Existing::replace);
  require_free(folder.at("b"), Existing::keep);
  write_private_file(folder.at("a"), "new", Existing::replace);
  CHECK(folder.text("a") == "new");
  CHECK(folder.count() == 1);
}

TEST_CASE("what cannot be written or read says why") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(write_private_file(folder.at("no/such/file"), "x", Existing::keep), Failure);
  CHECK_THROWS_AS(static_cast<void>(read_file(folder.at("none"))), Failure);
  CHECK_THROWS_AS(static_cast<void>(read_file(folder.path)), Failure);
  CHECK_THROWS_AS(remove_file(folder.at("none")), Failure);
}

TEST_CASE("a file is read as it is, and removed") {
  const TemporaryFolder folder;
  folder.write("a", std::string("x\0y", 3));
  CHECK(view_of(read_file(folder.at("a"))) == std::string_view("x\0y", 3));
  remove_file(folder.at("a"));
  CHECK(folder.count() == 0);
}

TEST_CASE("who waits for a configuration gets the file that an edit has put in its place") {
  const TemporaryFolder folder;
  CHECK_FALSE(lock_config(folder.at("none")));
  folder.write("wg0.toml", "old");
  auto first = lock_config(folder.at("wg0.toml"));
  struct stat held {};
  std::thread second([&] {
    const auto lock = lock_config(folder.at("wg0.toml"));
    CHECK(::fstat(lock.get(), &held) == 0);
  });
  write_private_file(folder.at("wg0.toml"), "new", Existing::replace);
  first.reset();
  second.join();
  struct stat there {};
  REQUIRE(::stat(folder.at("wg0.toml").c_str(), &there) == 0);
  CHECK(held.st_ino == there.st_ino);
}
