// SPDX-License-Identifier: MIT
#include <culvert/address.hpp>

#include <array>
#include <string>

#include <doctest/doctest.h>

using namespace culvert;
using namespace std::string_view_literals;

namespace {

IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {.family = Family::v4, .octets = {a, b, c, d}};
}

const IpAddress kDocumentation{// 2001:db8::1
                               .family = Family::v6,
                               .octets = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
const IpAddress kLinkLocal{// fe80::1
                           .family = Family::v6,
                           .octets = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

}  // namespace

TEST_CASE("numeric addresses are read into network order") {
  CHECK(parse_address("192.0.2.1") == v4(192, 0, 2, 1));
  CHECK(parse_address("0.0.0.0") == v4(0, 0, 0, 0));
  CHECK(parse_address("255.255.255.255") == v4(255, 255, 255, 255));
  CHECK(parse_address("2001:db8::1") == kDocumentation);
  CHECK(parse_address("2001:0DB8:0:0:0:0:0:0001") == kDocumentation);
  CHECK(parse_address("::") == IpAddress{.family = Family::v6});
  const IpAddress mapped{.family = Family::v6, .octets = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}};
  CHECK(parse_address("::ffff:192.0.2.1") == mapped);
  CHECK(parse_address("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")->octets ==
        parse_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")->octets);
}

TEST_CASE("anything that is no numeric address is refused") {
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "."sv,
                                      ":"sv,
                                      "localhost"sv,
                                      "1"sv,
                                      "1.2.3"sv,
                                      "1.2.3.4.5"sv,
                                      "1.2.3."sv,
                                      ".1.2.3"sv,
                                      "1..2.3"sv,
                                      "256.0.0.1"sv,
                                      "1.2.3.999"sv,
                                      "01.2.3.4"sv,
                                      "1.2.3.04"sv,
                                      "1.2.3.00"sv,
                                      "+1.2.3.4"sv,
                                      "-1.2.3.4"sv,
                                      " 1.2.3.4"sv,
                                      "1.2.3.4 "sv,
                                      "1.2.3.4\n"sv,
                                      "0x1.2.3.4"sv,
                                      "1.2.3.a"sv,
                                      "16909060"sv,
                                      "1.2.3.4\0"sv,
                                      "1.2.3.4\0.5"sv,
                                      "\0"
                                      "1.2.3.4"sv,
                                      "1.2.3.4/32"sv,
                                      ":::"sv,
                                      "::1::"sv,
                                      "1::2::3"sv,
                                      ":1:2:3:4:5:6:7"sv,
                                      "1:2:3:4:5:6:7:"sv,
                                      "1:2:3:4:5:6:7"sv,
                                      "1:2:3:4:5:6:7:8:9"sv,
                                      "1:2:3:4::5:6:7:8"sv,
                                      "00001::"sv,
                                      "12345::"sv,
                                      "g::"sv,
                                      "::1 "sv,
                                      " ::1"sv,
                                      "[::1]"sv,
                                      "::1%1"sv,
                                      "fe80::1%eth0"sv,
                                      "::1.2.3"sv,
                                      "::1.2.3.4.5"sv,
                                      "::01.2.3.4"sv,
                                      "1.2.3.4::"sv,
                                      "::1\0"sv,
                                      "::\0"
                                      "1"sv,
                                      "-::1"sv,
                                      "::-1"sv,
                                      "0000:0000:0000:0000:0000:ffff:255.255.255.2555"sv,
                                      "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"sv}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address(text).has_value());
  }
}

TEST_CASE("only the octets of the view are read, not what stands behind it") {
  const std::string behind = "192.0.2.123456";
  CHECK(parse_address(std::string_view(behind).substr(0, 9)) == v4(192, 0, 2, 1));
  CHECK(parse_prefix(std::string_view("10.0.0.0/241").substr(0, 11))->length == 24);
  CHECK(parse_endpoint(std::string_view("10.0.0.1:801").substr(0, 11))->port == 80);
  CHECK_FALSE(parse_address(std::string_view()).has_value());
}

TEST_CASE("a prefix keeps its host bits, and is the whole address without a length") {
  CHECK(parse_prefix("192.168.4.4/24") == Prefix{.address = v4(192, 168, 4, 4), .length = 24});
  CHECK(parse_prefix("192.168.4.4") == Prefix{.address = v4(192, 168, 4, 4), .length = 32});
  CHECK(parse_prefix("0.0.0.0/0") == Prefix{.address = v4(0, 0, 0, 0), .length = 0});
  CHECK(parse_prefix("10.0.0.1/32")->length == 32);
  CHECK(parse_prefix("2001:db8::1/64") == Prefix{.address = kDocumentation, .length = 64});
  CHECK(parse_prefix("2001:db8::1") == Prefix{.address = kDocumentation, .length = 128});
  CHECK(parse_prefix("::/0")->length == 0);
  CHECK(parse_prefix("::/128")->length == 128);
}

TEST_CASE("a prefix with anything but one plain length in range is refused") {
  for (const std::string_view text : {""sv,
                                      "/"sv,
                                      "/24"sv,
                                      "10.0.0.0/"sv,
                                      "10.0.0.0/33"sv,
                                      "10.0.0.0/128"sv,
                                      "::/129"sv,
                                      "::/256"sv,
                                      "::/1000"sv,
                                      "10.0.0.0/08"sv,
                                      "10.0.0.0/00"sv,
                                      "10.0.0.0/+8"sv,
                                      "10.0.0.0/-1"sv,
                                      "10.0.0.0/ 8"sv,
                                      "10.0.0.0/8 "sv,
                                      "10.0.0.0 /8"sv,
                                      "10.0.0.0/8/8"sv,
                                      "10.0.0.0//8"sv,
                                      "10.0.0.0/0x8"sv,
                                      "10.0.0.0/8a"sv,
                                      "10.0.0.0/8\0"sv,
                                      "10.0.0.0/255.0.0.0"sv,
                                      "10/8"sv,
                                      "10.0.0.0/4294967304"sv,
                                      "10.0.0.0/99999999999999999999"sv,
                                      "::%1/64"sv,
                                      "[::]/64"sv,
                                      "-10.0.0.0/8"sv}) {
    CAPTURE(text);
    CHECK_FALSE(parse_prefix(text).has_value());
  }
}

TEST_CASE("endpoints are read with their port and scope") {
  CHECK(parse_endpoint("192.0.2.1:51820") == Endpoint{.address = v4(192, 0, 2, 1), .port = 51820});
  CHECK(parse_endpoint("192.0.2.1:1")->port == 1);
  CHECK(parse_endpoint("192.0.2.1:65535")->port == 65535);
  CHECK(parse_endpoint("[2001:db8::1]:51820") == Endpoint{.address = kDocumentation, .port = 51820});
  CHECK(parse_endpoint("[fe80::1%3]:51820") == Endpoint{.address = kLinkLocal, .port = 51820, .scope_id = 3});
  CHECK(parse_endpoint("[fe80::1%4294967295]:5")->scope_id == 4294967295u);
  CHECK(parse_endpoint("[fe80::1]:5") == Endpoint{.address = kLinkLocal, .port = 5});
  CHECK(parse_endpoint("[febf::1%3]:5")->scope_id == 3);
}

TEST_CASE("anything that is no numeric endpoint is refused") {
  for (const std::string_view text : {""sv,
                                      ":"sv,
                                      ":51820"sv,
                                      "192.0.2.1"sv,
                                      "192.0.2.1:"sv,
                                      "192.0.2.1:0"sv,
                                      "192.0.2.1:65536"sv,
                                      "192.0.2.1:4294967297"sv,
                                      "192.0.2.1:080"sv,
                                      "192.0.2.1:+80"sv,
                                      "192.0.2.1:-80"sv,
                                      "192.0.2.1: 80"sv,
                                      "192.0.2.1:80 "sv,
                                      "192.0.2.1 :80"sv,
                                      "192.0.2.1:80a"sv,
                                      "192.0.2.1:http"sv,
                                      "192.0.2.1:80\0"sv,
                                      "192.0.2.1\0:80"sv,
                                      "192.0.2.1:80:80"sv,
                                      "example.org:80"sv,
                                      "[192.0.2.1]:80"sv,
                                      "::1:80"sv,
                                      "2001:db8::1:51820"sv,
                                      "[]:80"sv,
                                      "[:80"sv,
                                      "]:80"sv,
                                      "[::1:80"sv,
                                      "::1]:80"sv,
                                      "[::1]80"sv,
                                      "[::1]"sv,
                                      "[::1]:"sv,
                                      "[[::1]]:80"sv,
                                      "[::1] :80"sv,
                                      "[fe80::1%]:80"sv,
                                      "[fe80::1%0]:80"sv,
                                      "[fe80::1%03]:80"sv,
                                      "[fe80::1%eth0]:80"sv,
                                      "[fe80::1%3%4]:80"sv,
                                      "[fe80::1%-3]:80"sv,
                                      "[fe80::1%4294967296]:80"sv,
                                      "[fe80::1 %3]:80"sv,
                                      "[%3]:80"sv,
                                      "fe80::1%3:80"sv,
                                      "192.0.2.1%3:80"sv,
                                      "[2001:db8::1%3]:80"sv,
                                      "[fec0::1%3]:80"sv,
                                      "[::%3]:80"sv}) {
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint(text).has_value());
  }
}

TEST_CASE("addresses are written in the shortest form, as wg shows them") {
  CHECK(to_string(v4(192, 0, 2, 1)) == "192.0.2.1");
  CHECK(to_string(v4(0, 0, 0, 0)) == "0.0.0.0");
  CHECK(to_string(v4(255, 255, 255, 255)) == "255.255.255.255");
  // [RFC 5952 4]: lower case, no leading zeros, the first longest run of two or more zero groups becomes "::".
  const std::array<std::array<std::string_view, 2>, 8> forms{{{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
                                                              {"0:0:0:0:0:0:0:0", "::"},
                                                              {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                                                              {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
                                                              {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                                                              {"1:0:0:0:0:0:0:0", "1::"},
                                                              {"::ffff:c000:201", "::ffff:192.0.2.1"},
                                                              {"0:0:0:0:0:0:0:1", "::1"}}};
  for (const auto& [text, shortest] : forms) CHECK(to_string(*parse_address(text)) == shortest);
}

TEST_CASE("prefixes and endpoints are written so that they can be read again") {
  CHECK(to_string(Prefix{.address = v4(10, 0, 0, 0), .length = 8}) == "10.0.0.0/8");
  CHECK(to_string(Prefix{.address = kDocumentation, .length = 128}) == "2001:db8::1/128");
  CHECK(to_string(Endpoint{.address = v4(192, 0, 2, 1), .port = 51820}) == "192.0.2.1:51820");
  CHECK(to_string(Endpoint{.address = kDocumentation, .port = 51820}) == "[2001:db8::1]:51820");
  CHECK(to_string(Endpoint{.address = kLinkLocal, .port = 9, .scope_id = 3}) == "[fe80::1%3]:9");
  for (const std::string_view text : {"192.0.2.1:51820", "[2001:db8::1]:1", "[fe80::1%4294967295]:65535"})
    CHECK(to_string(*parse_endpoint(text)) == text);
  for (const std::string_view text : {"0.0.0.0/0", "10.1.2.3/31", "::/0", "2001:db8::/127"})
    CHECK(to_string(*parse_prefix(text)) == text);
}

TEST_CASE("masking clears exactly the host bits, for every length") {
  IpAddress ones{.family = Family::v6};
  ones.octets.fill(0xff);
  for (unsigned length = 0; length <= 128; ++length) {
    const Prefix result = masked({.address = ones, .length = static_cast<std::uint8_t>(length)});
    CHECK(result.length == length);
    for (unsigned bit = 0; bit < 128; ++bit) {
      const bool set = ((result.address.octets[bit / 8] >> (7 - bit % 8)) & 1) != 0;
      if (set != (bit < length)) FAIL_CHECK("length " << length << ", bit " << bit);
    }
  }
  CHECK(masked(*parse_prefix("192.95.5.65/27")) == *parse_prefix("192.95.5.64/27"));
  CHECK(masked(*parse_prefix("192.95.5.65/0")) == *parse_prefix("0.0.0.0/0"));
  CHECK(masked(*parse_prefix("192.95.5.65/32")) == *parse_prefix("192.95.5.65/32"));
}

TEST_CASE("masking ends at the family's own length") {
  const Prefix too_long{.address = v4(10, 1, 2, 3), .length = 200};
  CHECK(masked(too_long) == Prefix{.address = v4(10, 1, 2, 3), .length = 32});
  Prefix stray{.address = v4(10, 1, 2, 3), .length = 32};
  stray.address.octets[9] = 7;
  CHECK(masked(stray) == Prefix{.address = v4(10, 1, 2, 3), .length = 32});
}

TEST_CASE("loopback, link-local and multicast addresses are told apart from their neighbours") {
  const auto holds = [](bool (*is)(const IpAddress&) noexcept, std::initializer_list<const char*> yes,
                        std::initializer_list<const char*> no) {
    for (const char* text : yes) CHECK_MESSAGE(is(*parse_address(text)), text);
    for (const char* text : no) CHECK_MESSAGE(!is(*parse_address(text)), text);
  };
  holds(is_loopback, {"127.0.0.1", "127.255.255.255", "::1"}, {"126.255.255.255", "128.0.0.0", "::", "::2", "7f00::"});
  holds(is_link_local, {"169.254.0.0", "169.254.255.255", "fe80::1", "febf::"},
        {"169.253.255.255", "169.255.0.0", "254.128.0.1", "fe7f::", "fec0::1"});
  holds(is_multicast, {"224.0.0.0", "239.255.255.255", "ff00::", "ff02::fb"},
        {"223.255.255.255", "240.0.0.0", "255.0.0.1", "feff::", "e000::"});
}
