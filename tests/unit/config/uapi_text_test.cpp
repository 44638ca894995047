// SPDX-License-Identifier: MIT
#include "uapi_text.hpp"

#include "config_support.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

std::string repeated(std::string_view octet) {
  std::string out;
  for (int i = 0; i < 32; ++i) out += octet;
  return out;
}

/// Each @XX is a key of 32 octets XX.
std::string hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '@') {
      out += repeated(text.substr(i + 1, 2));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string text_of(const SecretText& text) { return {text.begin(), text.end()}; }

const std::string kHead = "[interface]\nprivate_key = \"%K\"\nlisten_port = 51820\n";
const std::string kAnna = "[[peer]]\nname = \"anna\"\npublic_key = \"%A\"\n";
const std::string kBen = "[[peer]]\nname = \"ben\"\npublic_key = \"%B\"\n";

Config config_of(const std::string& text) { return loaded(read(text)).config; }

/// What brings `before` to `after` at one time.
std::string change(const std::string& before, const std::string& after) {
  return text_of(to_uapi(config_of(kHead + before), {}, config_of(kHead + after), {}));
}

Endpoint endpoint(std::string_view text) { return *parse_endpoint(text); }

}  // namespace

TEST_CASE("a whole configuration replaces what was there") {
  const Config config = config_of(kHead + "fwmark = 0x10\n" + kAnna +
                                  "preshared_key = \"%S\"\nendpoint = [\"gw.example:1\", \"[2001:db8::1]:2\"]\n"
                                  "allowed_ips = [\"10.0.0.2\", \"fd00::/64\"]\npersistent_keepalive = 25\n" +
                                  kBen + "enabled = false\n");
  CHECK(text_of(to_uapi(config, {})) == hex("set=1\n"
                                            "private_key=@01\n"
                                            "listen_port=51820\n"
                                            "fwmark=16\n"
                                            "replace_peers=true\n"
                                            "public_key=@09\n"
                                            "name=anna\n"
                                            "preshared_key=@07\n"
                                            "endpoint=[2001:db8::1]:2\n"
                                            "persistent_keepalive_interval=25\n"
                                            "replace_allowed_ips=true\n"
                                            "allowed_ip=10.0.0.2/32\n"
                                            "allowed_ip=fd00::/64\n"
                                            "public_key=@0a\n"
                                            "name=ben\n"
                                            "blocked=disabled\n"
                                            "replace_allowed_ips=true\n"
                                            "\n"));
}

TEST_CASE("what the file leaves open comes from the host") {
  const Config config = config_of(kHead + kAnna + "endpoint = [\"gw.example:1\", \"192.0.2.1:2\"]\n");
  UapiContext context;
  context.fwmark = 51820;
  context.endpoints[config.peers[0].public_key] = endpoint("198.51.100.7:1");
  const std::string text = text_of(to_uapi(config, context));
  CHECK(text.find("fwmark=51820\n") != std::string::npos);
  CHECK(text.find("endpoint=198.51.100.7:1\n") != std::string::npos);
  CHECK(text.find("192.0.2.1") == std::string::npos);
  CHECK(text_of(to_uapi(config, {})).find("fwmark=0\n") != std::string::npos);

  const Config nameless = config_of(kHead + kAnna + "endpoint = \"gw.example:1\"\n");
  CHECK(text_of(to_uapi(nameless, {})).find("endpoint") == std::string::npos);
}

TEST_CASE("a difference tells what differs, and no more") {
  CHECK(change(kAnna, kAnna) == "");
  CHECK(change(kAnna, kAnna + "[dns]\nservers = \"10.0.0.53\"\n") == "");
  CHECK(change("", kAnna) == hex("set=1\npublic_key=@09\nname=anna\nreplace_allowed_ips=true\n\n"));
  CHECK(change(kAnna + kBen, kBen) == hex("set=1\npublic_key=@09\nremove=true\n\n"));
  CHECK(change(kAnna + kBen, kBen + kAnna) == "");
  CHECK(change(kAnna, kAnna + "persistent_keepalive = 25\n") ==
        hex("set=1\npublic_key=@09\npersistent_keepalive_interval=25\n\n"));
  CHECK(change(kAnna + "persistent_keepalive = 25\n", kAnna) ==
        hex("set=1\npublic_key=@09\npersistent_keepalive_interval=0\n\n"));
  CHECK(change(kAnna, kAnna + "preshared_key = \"%S\"\n") == hex("set=1\npublic_key=@09\npreshared_key=@07\n\n"));
  CHECK(change(kAnna + "preshared_key = \"%S\"\n", kAnna) == hex("set=1\npublic_key=@09\npreshared_key=@00\n\n"));
  CHECK(change(kAnna + "allowed_ips = \"10.0.0.2\"\n", kAnna + "allowed_ips = [\"10.0.0.2\", \"10.0.0.3\"]\n") ==
        hex("set=1\npublic_key=@09\nreplace_allowed_ips=true\nallowed_ip=10.0.0.2/32\nallowed_ip=10.0.0.3/32\n\n"));
  CHECK(change(kAnna + "enabled = false\n", kAnna) == hex("set=1\npublic_key=@09\nblocked=none\n\n"));
  CHECK(change(kAnna, "[[peer]]\nname = \"ann\"\npublic_key = \"%A\"\n") == hex("set=1\npublic_key=@09\nname=ann\n\n"));
}

TEST_CASE("an endpoint is told again only when its text changed") {
  const std::string at_a = kAnna + "endpoint = \"192.0.2.1:1\"\n";
  const std::string at_b = kAnna + "endpoint = \"192.0.2.2:1\"\n";
  CHECK(change(at_a, at_a) == "");
  CHECK(change(at_a, at_b) == hex("set=1\npublic_key=@09\nendpoint=192.0.2.2:1\n\n"));
  // Where a name leads now is the resolver's business; a peer that lost its endpoint goes on where it is.
  const Config config = config_of(kHead + kAnna + "endpoint = \"gw.example:1\"\n");
  UapiContext before;
  UapiContext after;
  before.endpoints[config.peers[0].public_key] = endpoint("192.0.2.1:1");
  after.endpoints[config.peers[0].public_key] = endpoint("192.0.2.2:1");
  CHECK(to_uapi(config, before, config, after).empty());
  CHECK(change(at_a, kAnna) == "");
}

TEST_CASE("the interface's own keys differ on their own") {
  const auto both = [](const std::string& before, const std::string& after) {
    return text_of(to_uapi(config_of(before), {}, config_of(after), {}));
  };
  const std::string key = "[interface]\nprivate_key = \"%K\"\n";
  CHECK(both(key, "[interface]\nprivate_key = \"%S\"\n") == hex("set=1\nprivate_key=@07\n\n"));
  CHECK(both(key, key + "listen_port = 7\n") == "set=1\nlisten_port=7\n\n");
  CHECK(both(key + "listen_port = 7\n", key) == "set=1\nlisten_port=0\n\n");
  CHECK(both(key, key + "fwmark = 7\n") == "set=1\nfwmark=7\n\n");
  CHECK(both(key, key + "fwmark = 0\n") == "");
  UapiContext marked;
  marked.fwmark = 9;
  CHECK(text_of(to_uapi(config_of(key), {}, config_of(key), marked)) == "set=1\nfwmark=9\n\n");
}

TEST_CASE("limits are told when they differ, and as usual when they are said no more") {
  const std::string some = "[limits]\npeers = 9\nstaged_packets = 5\n";
  CHECK(change("", some) == "set=1\nlimit_peers=9\nlimit_staged_packets=5\n\n");
  CHECK(change(some, some) == "");
  CHECK(change(some, "[limits]\npeers = 9\nhandshakes_per_second = 7\n") ==
        "set=1\nlimit_handshakes_per_second=7\nlimit_staged_packets=0\n\n");
  CHECK(change("", "[limits]\nsocket_buffer = 65536\n") == "");  // the host half's own
  const std::string whole = text_of(to_uapi(config_of(kHead + some), {}));
  CHECK(whole.find("fwmark=0\nlimit_peers=9\nlimit_staged_packets=5\nreplace_peers=true\n") != std::string::npos);
}

TEST_CASE("the same configuration at a later time tells who expired") {
  const Config config = config_of(kHead + kAnna + "expires = 2026-12-31\n" + kBen + "expires = 2026-12-30\n");
  const UnixTime anna{1798675200, 0};
  const UnixTime ben{1798588800, 0};
  const auto at = [](UnixTime now) {
    UapiContext context;
    context.now = now;
    return context;
  };
  CHECK(to_uapi(config, at({}), config, at({ben.seconds - 1, 0})).empty());
  CHECK(text_of(to_uapi(config, at({}), config, at(ben))) == hex("set=1\npublic_key=@0a\nblocked=expired\n\n"));
  CHECK(text_of(to_uapi(config, at(ben), config, at(anna))) == hex("set=1\npublic_key=@09\nblocked=expired\n\n"));
  CHECK(text_of(to_uapi(config, at(anna))).find("blocked=expired") != std::string::npos);

  CHECK(next_expiry(config, {}) == ben);
  CHECK(next_expiry(config, ben) == anna);
  CHECK(!next_expiry(config, anna));
  CHECK(!next_expiry(config_of(kHead + kAnna + "expires = 2026-12-31\nenabled = false\n"), {}));
}

TEST_CASE("only numbers are numeric endpoints") {
  CHECK(numeric({"192.0.2.1", 1}) == endpoint("192.0.2.1:1"));
  CHECK(numeric({"2001:db8::1", 1}) == endpoint("[2001:db8::1]:1"));
  CHECK(numeric({"fe80::1%3", 1}) == endpoint("[fe80::1%3]:1"));
  CHECK(!numeric({"fe80::1%eth0", 1}));
  CHECK(!numeric({"gw.example", 1}));
}
