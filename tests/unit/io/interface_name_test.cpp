// SPDX-License-Identifier: MIT
#include "interface_name.hpp"

#include <doctest/doctest.h>

#include <string>

using culvert::io::is_interface_name;

TEST_CASE("interface names are 1 to 15 of the allowed characters, no path's dots, and none of the kernel's own") {
  for (const std::string_view good :
       {"a", "wg0", "A-b_c=d+e.f", "123456789012345", "...", ".a", "ABCXYZabcxyz019", "All", "alls", "defaults"})
    CHECK_MESSAGE(is_interface_name(good), std::string(good));
  for (const std::string_view bad : {"", "1234567890123456", ".", "..", "a b", "a/b", "a%d", "a:b", "w\xc3\xa4", "a\n",
                                     "a@b", "a,b", "a~", "all", "default"})
    CHECK_MESSAGE(!is_interface_name(bad), std::string(bad));
  CHECK(!is_interface_name(std::string_view("a\0b", 3)));
}
