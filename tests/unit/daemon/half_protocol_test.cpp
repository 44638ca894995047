// SPDX-License-Identifier: MIT
// What one half may hear from the other. Sizes and numbers are typed again here, since both halves use the same header.
#include "half_protocol.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace culvert;
using namespace culvert::daemon;
using namespace culvert::daemon::half;

namespace {

Request open_request() {
  Request request;
  request.ask = Ask::open_udp;
  request.port = 51820;
  request.mark = 0xca6c;
  request.lanes = 2;
  request.gso = 1;
  request.serial = 7;
  return request;
}

Setup setup() {
  Setup result;
  result.queues = 3;
  result.inside_offload = 3;
  result.mtu = 1420;
  result.sockets = kSocketUapi | kSocketPrivate;
  result.interface = padded<16>("wg0");
  return result;
}

template <class Message>
bool is_taken(const Message& message) {
  return static_cast<bool>(decode<Message>(octets_of(message)));
}

/// Whether the change of a good message is refused.
template <class Message, class Change>
bool refuses(Message message, Change change) {
  REQUIRE(is_taken(message));
  change(message);
  return !is_taken(message);
}

}  // namespace

TEST_CASE("the sizes of the messages are fixed") {
  CHECK(octets_of(Request{}).size() == 32);
  CHECK(octets_of(Thinning{}).size() == 1936);
  CHECK(octets_of(Reply{}).size() == 200);
  CHECK(octets_of(Setup{}).size() == 64);
  CHECK(octets_of(Link{}).size() == 24);
  CHECK(octets_of(Reload{}).size() == 248);
  CHECK(octets_of(Notice{}).size() == 168);
}

TEST_CASE("a request comes out as it went in") {
  const auto back = decode<Request>(octets_of(open_request()));
  REQUIRE(back);
  CHECK(back->ask == Ask::open_udp);
  CHECK(back->port == 51820);
  CHECK(back->mark == 0xca6c);
  CHECK(back->lanes == 2);
  CHECK(back->gso == 1);
  CHECK(back->gro == 0);
  CHECK(back->serial == 7);
}

TEST_CASE("a message of another size or version is refused") {
  const Request request = open_request();
  const Bytes octets = octets_of(request);
  for (std::size_t size = 0; size < octets.size(); ++size) CHECK(!decode<Request>(octets.first(size)));
  std::vector<std::uint8_t> longer(octets.begin(), octets.end());
  longer.push_back(0);
  CHECK(!decode<Request>(longer));
  CHECK(refuses(request, [](Request& r) { r.version = 1; }));
  CHECK(refuses(request, [](Request& r) { r.version = 0; }));
}

TEST_CASE("a request may say no more than its kind needs") {
  const Request open = open_request();
  CHECK(refuses(open, [](Request& r) { r.ask = static_cast<Ask>(0); }));
  CHECK(refuses(open, [](Request& r) { r.ask = static_cast<Ask>(6); }));  // a message of its own
  CHECK(refuses(open, [](Request& r) { r.ask = static_cast<Ask>(7); }));
  CHECK(refuses(open, [](Request& r) { r.lanes = 0; }));
  CHECK(refuses(open, [](Request& r) { r.lanes = 65; }));
  CHECK(refuses(open, [](Request& r) { r.gso = 2; }));
  CHECK(refuses(open, [](Request& r) { r.gro = 255; }));
  CHECK(refuses(open, [](Request& r) { r.zero = 1; }));
  CHECK(refuses(open, [](Request& r) { r.name[0] = 'e'; }));
  Request mark;
  mark.ask = Ask::set_mark;
  mark.mark = 1;
  CHECK(refuses(mark, [](Request& r) { r.port = 1; }));
  CHECK(refuses(mark, [](Request& r) { r.lanes = 1; }));
  CHECK(refuses(mark, [](Request& r) { r.gso = 1; }));
  Request close;
  close.ask = Ask::close_udp;
  CHECK(refuses(close, [](Request& r) { r.mark = 1; }));
}

TEST_CASE("a thinning names a share and senders in order, or nobody") {
  Thinning flood;
  flood.serial = 9;
  flood.mix = 77;
  flood.share = 15;
  flood.count = 3;
  flood.senders[0] = 0;
  flood.senders[1] = 5;
  flood.senders[2] = 0x7fff'ffff;
  const auto back = decode<Thinning>(octets_of(flood));
  REQUIRE(back);
  CHECK(back->senders == flood.senders);
  CHECK(refuses(flood, [](Thinning& t) { t.version = 1; }));
  CHECK(refuses(flood, [](Thinning& t) { t.v6 = 2; }));
  CHECK(refuses(flood, [](Thinning& t) { t.zero = 1; }));
  CHECK(refuses(flood, [](Thinning& t) { t.share = 0; }));
  CHECK(refuses(flood, [](Thinning& t) { t.share = 16; }));
  CHECK(refuses(flood, [](Thinning& t) { t.senders[2] = 5; }));
  CHECK(refuses(flood, [](Thinning& t) { t.senders[1] = 0; }));
  CHECK(refuses(flood, [](Thinning& t) { t.senders[2] = 0x8000'0000; }));
  CHECK(refuses(flood, [](Thinning& t) { t.count = 2; }));
  CHECK(refuses(flood, [](Thinning& t) { t.count = 481; }));
  CHECK(refuses(flood, [](Thinning& t) { t.count = 0xffff; }));
  Thinning full = flood;
  full.count = 480;
  for (std::uint32_t i = 0; i < 480; ++i) full.senders[i] = i;
  CHECK(is_taken(full));
  const Thinning over;
  CHECK(refuses(over, [](Thinning& t) { t.share = 1; }));
  CHECK(refuses(over, [](Thinning& t) { t.mix = 1; }));
  CHECK(refuses(over, [](Thinning& t) { t.senders[479] = 1; }));
}

TEST_CASE("a name must be one that an interface can have, and end") {
  Request scope;
  scope.ask = Ask::scope_index;
  scope.name = padded<16>("eth0");
  CHECK(refuses(scope, [](Request& r) { r.name = {}; }));
  CHECK(refuses(scope, [](Request& r) { r.name = padded<16>("../etc"); }));
  CHECK(refuses(scope, [](Request& r) { r.name = padded<16>(".."); }));
  CHECK(refuses(scope, [](Request& r) { r.name.fill('a'); }));
  CHECK(refuses(scope, [](Request& r) { r.name[6] = 'x'; }));
  CHECK(padded<16>("a-name-too-long-for-linux").back() == '\0');
}

TEST_CASE("a reply brings sockets when it may, and only then") {
  Reply opened;
  opened.ask = Ask::open_udp;
  opened.port = 51820;
  opened.v4.present = 1;
  CHECK(descriptors_of(opened, 2) == 3);
  opened.v6.present = 1;
  CHECK(descriptors_of(opened, 2) == 6);
  CHECK(refuses(opened, [](Reply& r) { r.error = 98; }));
  CHECK(refuses(opened, [](Reply& r) { r.ask = Ask::set_mark; }));
  CHECK(refuses(opened, [](Reply& r) { r.port = 0; }));
  CHECK(refuses(opened, [](Reply& r) { r.v4.present = 2; }));
  CHECK(refuses(opened, [](Reply& r) { r.v6.zero = 1; }));
  CHECK(refuses(opened, [](Reply& r) {
    r.v6 = {};
    r.v6.gso = 1;
  }));
  Reply failed;
  failed.ask = Ask::open_udp;
  failed.error = 98;
  failed.what = padded<160>("bind UDP port 51820");
  CHECK(refuses(failed, [](Reply& r) { r.error = -98; }));
  CHECK(refuses(failed, [](Reply& r) { r.error = 4096; }));
  CHECK(refuses(failed, [](Reply& r) { r.error = 0; }));
  CHECK(refuses(failed, [](Reply& r) { r.what[3] = '\n'; }));
  CHECK(refuses(failed, [](Reply& r) { r.what.fill('x'); }));
}

TEST_CASE("a set-up says how many descriptors come along, and nothing that is unknown") {
  CHECK(descriptors_of(setup()) == 8);  // three queues, their writers, two sockets
  Setup single = setup();
  single.queues = 1;
  CHECK(descriptors_of(single) == 3);
  CHECK(refuses(setup(), [](Setup& s) { s.queues = 0; }));
  CHECK(refuses(setup(), [](Setup& s) { s.queues = 65; }));
  CHECK(refuses(setup(), [](Setup& s) { s.inside_offload = 4; }));
  CHECK(refuses(setup(), [](Setup& s) { s.log_level = 3; }));
  CHECK(refuses(setup(), [](Setup& s) { s.gso = 2; }));
  CHECK(refuses(setup(), [](Setup& s) { s.all_metric_names = 2; }));
  CHECK(refuses(setup(), [](Setup& s) { s.sockets = 0x80; }));
  CHECK(refuses(setup(), [](Setup& s) { s.interface = {}; }));
  CHECK(refuses(setup(), [](Setup& s) { s.aead.fill('a'); }));
}

TEST_CASE("a handover is nothing but its version") {
  CHECK(is_taken(Handover{}));
  CHECK(refuses(Handover{}, [](Handover& h) { h.zero[6] = 1; }));
}

TEST_CASE("news of the link name it, and say up or down") {
  Link link;
  link.interface = padded<16>("wg0");
  CHECK(refuses(link, [](Link& l) { l.up = 2; }));
  CHECK(refuses(link, [](Link& l) { l.zero = 1; }));
  CHECK(refuses(link, [](Link& l) { l.key_log = 2; }));
  CHECK(refuses(link, [](Link& l) { l.interface = {}; }));
}

TEST_CASE("a refused reload has changed nothing, and its text is one") {
  Reload refused;
  refused.refused = 1;
  refused.text = padded<sizeof refused.text>("no such file");
  CHECK(refuses(refused, [](Reload& r) { r.refused = 2; }));
  CHECK(refuses(refused, [](Reload& r) { r.zero = 1; }));
  CHECK(refuses(refused, [](Reload& r) { r.peers_added = 1; }));
  CHECK(refuses(refused, [](Reload& r) { r.peers_removed = 1; }));
  CHECK(refuses(refused, [](Reload& r) { r.peers_changed = 1; }));
  CHECK(refuses(refused, [](Reload& r) { r.other_keys = 1; }));
  CHECK(refuses(refused, [](Reload& r) { r.text[2] = '\n'; }));
  CHECK(refuses(refused, [](Reload& r) { r.text.fill('x'); }));
}

TEST_CASE("a notice has a text when it failed, and a value when it is ready or its heart beats") {
  Notice failed;
  failed.kind = Notice::Kind::failed;
  failed.text = padded<160>("no randomness");
  CHECK(refuses(failed, [](Notice& n) { n.kind = Notice::Kind::ready; }));
  CHECK(refuses(failed, [](Notice& n) { n.text[0] = '\x1b'; }));
  CHECK(refuses(failed, [](Notice& n) { n.value = 1; }));
  CHECK(refuses(failed, [](Notice& n) { n.kind = static_cast<Notice::Kind>(0); }));
  CHECK(refuses(failed, [](Notice& n) { n.kind = static_cast<Notice::Kind>(99); }));
  CHECK(refuses(failed, [](Notice& n) { n.zero = 1; }));
  Notice beat;
  beat.value = 3;
  CHECK(is_taken(beat));
  beat.kind = Notice::Kind::ready;
  CHECK(is_taken(beat));
}

TEST_CASE("of random octets of the right size, none that is taken names what does not exist") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 200'000; ++i) {
    std::array<std::uint8_t, sizeof(Request)> octets;
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random() % (i % 2 == 0 ? 256 : 4));
    octets[0] = 1;
    const auto request = decode<Request>(octets);
    if (!request) continue;
    CHECK(static_cast<int>(request->ask) >= 1);
    CHECK(static_cast<int>(request->ask) <= 5);
    CHECK(request->lanes <= 64);
  }
}
