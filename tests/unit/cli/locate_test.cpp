// SPDX-License-Identifier: MIT
#include "locate.hpp"

#include <doctest/doctest.h>

#include "failure.hpp"
#include "temporary_folder.hpp"

using namespace culvert::cli;

namespace {

std::string failure_of(const std::string& what, const std::string& folder) {
  try {
    static_cast<void>(locate(what, folder));
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "found";
}

}  // namespace

TEST_CASE("a name is looked for in the folder, a path is taken as it is") {
  const TemporaryFolder folder;
  folder.write("wg0.toml", "");
  folder.write("other/home.conf", "");
  CHECK(locate("wg0", folder.path).path == folder.at("wg0.toml"));
  CHECK(locate("wg0", folder.path).interface == "wg0");
  CHECK(locate(folder.at("other/home.conf"), "/nowhere").interface == "home");
  CHECK(locate(folder.at("wg0.toml"), "/nowhere").path == folder.at("wg0.toml"));
}

TEST_CASE("an interface is meant by its name or by its file, there or not") {
  CHECK(interface_named("wg0") == "wg0");
  CHECK(interface_named("/nowhere/home.conf") == "home");
  CHECK(interface_named("wg1.toml") == "wg1");
  CHECK_THROWS_AS(static_cast<void>(interface_named("a name")), Failure);
  CHECK_THROWS_AS(static_cast<void>(interface_named("../etc/passwd")), Failure);
}

TEST_CASE("a file that is not there is answered with what may be meant") {
  const TemporaryFolder folder;
  folder.write("office.toml", "");
  folder.write("notes.txt", "");
  CHECK(failure_of("ofice", folder.path) == "there is no " + folder.at("ofice.toml") + "; did you mean office?");
  CHECK(failure_of("zzz", folder.path).find("culvert init gateway zzz") != std::string::npos);
  CHECK(failure_of(folder.at("x.toml"), folder.path) == "there is no " + folder.at("x.toml"));
  CHECK(failure_of(folder.at("notes.txt"), folder.path).find("must end in NAME.toml or NAME.conf") !=
        std::string::npos);
  CHECK(failure_of("a name", folder.path).find("is no interface name") != std::string::npos);
}

TEST_CASE("the interfaces of a folder") {
  const TemporaryFolder folder;
  for (const char* name : {"wg1.toml", "wg0.toml", "wg0.d/alice.toml", "old.conf", "too-long-for-a-link.toml"})
    folder.write(name, "");
  CHECK(configured_interfaces(folder.path) == std::vector<std::string>{"wg0", "wg1"});
  CHECK(configured_interfaces("/nowhere").empty());
}
