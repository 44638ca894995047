// SPDX-License-Identifier: MIT
#include "udp_kernel.hpp"

#include <doctest/doctest.h>

using namespace culvert::io;

TEST_CASE("kernel releases as distributions write them are read") {
  CHECK(parse_kernel_release("6.1.0-18-amd64") == KernelVersion{6, 1, 0});
  CHECK(parse_kernel_release("5.15.167.4-microsoft-standard-WSL2") == KernelVersion{5, 15, 167});
  CHECK(parse_kernel_release("5.12-rc3") == KernelVersion{5, 12, 0});
  CHECK(parse_kernel_release("6.18") == KernelVersion{6, 18, 0});
  CHECK(parse_kernel_release("4.4.302+") == KernelVersion{4, 4, 302});
  CHECK(parse_kernel_release("7.0.x") == KernelVersion{7, 0, 0});
}

TEST_CASE("what is no release is none") {
  for (const char* text : {"", "6", "6.", "linux", ".1", "-1.2", "99999999999.1", "6.a", " 6.1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_kernel_release(text));
    CHECK_FALSE(has_sound_udp_gro(text));
    CHECK_FALSE(may_corrupt_udp_gso(text));
  }
}

TEST_CASE("UDP_GRO counts as sound from 5.12 on") {
  CHECK_FALSE(has_sound_udp_gro("4.19.0"));
  CHECK_FALSE(has_sound_udp_gro("5.4.0-150-generic"));
  CHECK_FALSE(has_sound_udp_gro("5.11.22"));
  CHECK(has_sound_udp_gro("5.12.0"));
  CHECK(has_sound_udp_gro("5.15.1"));
  CHECK(has_sound_udp_gro("6.1.0-18-amd64"));
}

TEST_CASE("the releases that are reported to corrupt trains are named") {
  CHECK_FALSE(may_corrupt_udp_gso("6.18.44"));
  CHECK(may_corrupt_udp_gso("7.0.0-10-generic"));
  CHECK(may_corrupt_udp_gso("7.1.4"));
  CHECK_FALSE(may_corrupt_udp_gso("7.1.5"));
  CHECK_FALSE(may_corrupt_udp_gso("7.2.0"));
}

TEST_CASE("the running kernel has a release that can be read") {
  CHECK(parse_kernel_release(running_kernel_release()));
}
