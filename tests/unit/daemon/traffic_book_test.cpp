// SPDX-License-Identifier: MIT
#include "traffic_book.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>

#include "totals_file.hpp"

using namespace culvert;
using namespace culvert::daemon;

namespace {

constexpr std::int64_t kNow = 1'700'000'000;

PublicKey key_of(std::uint32_t number) {
  PublicKey key;
  for (std::size_t i = 0; i < 4; ++i) key.octets[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return key;
}

DeviceText device_of(std::initializer_list<std::array<std::uint64_t, 3>> peers) {
  DeviceText device;
  for (const auto& [number, received, sent] : peers) {
    PeerText& peer = device.peers.emplace_back();
    peer.public_key = key_of(static_cast<std::uint32_t>(number));
    peer.received_octets = received;
    peer.sent_octets = sent;
  }
  return device;
}

struct Folder {
  Folder() {
    char pattern[] = "/tmp/culvert-totals-XXXXXX";
    path = ::mkdtemp(pattern);
  }
  ~Folder() {
    for (const char* name : {"/wg0.totals", "/wg0.totals.bad", "/wg0.totals.new"}) ::unlink((path + name).c_str());
    ::rmdir(path.c_str());
  }
  [[nodiscard]] std::string file() const { return path + "/wg0.totals"; }
  void write(const std::string& text) const { std::ofstream(file()) << text; }
  [[nodiscard]] static std::string read(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string path;
};

Totals some_totals() {
  return {{key_of(1), {.traffic = {.received = 10, .sent = 20, .since = kNow - 5}, .seen = kNow}},
          {key_of(2), {.traffic = {.received = 0, .sent = 0, .since = kNow}, .seen = kNow}}};
}

}  // namespace

TEST_CASE("what has passed since the last look is added, and a new packet half counts from 0") {
  TrafficBook book({});
  book.take(device_of({{1, 100, 10}}), kNow);
  book.take(device_of({{1, 150, 10}, {2, 7, 0}}), kNow + 60);
  CHECK(book.totals().at(key_of(1)) == Total{{150, 10, kNow}, kNow + 60});
  CHECK(book.totals().at(key_of(2)) == Total{{7, 0, kNow + 60}, kNow + 60});
  book.begin_anew();
  book.take(device_of({{1, 500, 20}, {2, 1, 1}}), kNow + 120);
  CHECK(book.totals().at(key_of(1)).traffic == PastTraffic{650, 30, kNow});
  CHECK(book.totals().at(key_of(2)).traffic == PastTraffic{8, 1, kNow + 60});
}

TEST_CASE("a peer that was removed and made again counts on") {
  TrafficBook book({});
  book.take(device_of({{1, 100, 100}}), kNow);
  book.take(device_of({{1, 30, 100}}), kNow + 60);  // within one look
  CHECK(book.totals().at(key_of(1)).traffic == PastTraffic{130, 200, kNow});
  book.take(device_of({}), kNow + 120);
  book.take(device_of({{1, 40, 200}}), kNow + 180);  // with one between
  CHECK(book.totals().at(key_of(1)).traffic == PastTraffic{170, 400, kNow});
}

TEST_CASE("a book says once that it changed, and looking alone changes nothing") {
  TrafficBook book(some_totals());
  CHECK_FALSE(book.take_changed());
  book.take(device_of({{1, 5, 0}}), kNow + 1);
  CHECK(book.take_changed());
  CHECK_FALSE(book.take_changed());
  book.take(device_of({{1, 5, 0}}), kNow + 61);
  CHECK_FALSE(book.take_changed());
  book.take(device_of({{1, 5, 1}}), kNow + 121);
  CHECK(book.take_changed());
}

TEST_CASE("peers of the configuration are counted from now on, or go on where they were") {
  TrafficBook book(some_totals());
  config::Config config;
  config.peers.emplace_back().public_key = key_of(1);
  config.peers.emplace_back().public_key = key_of(3);
  book.open(config, kNow + 9);
  CHECK(book.past().at(key_of(1)) == PastTraffic{10, 20, kNow - 5});
  CHECK(book.past().at(key_of(3)) == PastTraffic{0, 0, kNow + 9});
}

TEST_CASE("a peer that has gone is remembered for ninety days; of too many the longest gone are forgotten") {
  TrafficBook book(some_totals());
  book.take(device_of({{1, 1, 1}}), kNow + kTotalsKeptSeconds);
  CHECK(book.totals().contains(key_of(2)));
  book.take(device_of({{1, 1, 1}}), kNow + kTotalsKeptSeconds + 1);
  CHECK_FALSE(book.totals().contains(key_of(2)));
  CHECK(book.totals().contains(key_of(1)));

  Totals many;
  for (std::uint32_t i = 0; i < kMostGonePeers + 5; ++i) many[key_of(i)] = {.traffic = {1, 1, kNow}, .seen = kNow + i};
  TrafficBook full(std::move(many));
  full.take(device_of({{0, 1, 1}}), kNow + 100'000);
  CHECK(full.totals().size() == kMostGonePeers + 1);
  CHECK(full.totals().contains(key_of(0)));
  CHECK_FALSE(full.totals().contains(key_of(4)));
  CHECK(full.totals().contains(key_of(5)));
}

TEST_CASE("totals read back as they were written, and any change of a character is noticed or means another number") {
  const Totals totals = some_totals();
  const std::string text = totals_text(totals);
  const auto back = parse_totals(text);
  REQUIRE(back);
  CHECK(*back == totals);
  CHECK(parse_totals(totals_text({})));

  for (std::size_t size = 0; size < text.size(); ++size) CHECK_FALSE(parse_totals(text.substr(0, size)));
  std::size_t refused = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    for (const char c : {'\0', ' ', '\n', '0', '9', 'x', '-', '\xff'}) {
      std::string changed = text;
      changed[i] = c;
      const auto other = parse_totals(changed);
      if (!other) ++refused;
      // What is taken, is what would be written.
      if (other) CHECK(totals_text(*other).size() == changed.size());
    }
  CHECK(refused > text.size());
  CHECK_FALSE(parse_totals(text + "\n"));
  CHECK_FALSE(parse_totals(text + text));
}

TEST_CASE("a file that is wrong is told with its line") {
  const auto line_of = [](const std::string& text) {
    const auto totals = parse_totals(text);
    REQUIRE_FALSE(totals);
    return totals.error().substr(0, 6);
  };
  const std::string key = to_base64(key_of(1));
  const std::string first = "culvert traffic totals 1\n";
  CHECK(line_of("culvert traffic totals 2\nend 0\n") == "line 1");
  CHECK(line_of(first + key + " 1 2 3\nend 1\n") == "line 2");
  CHECK(line_of(first + key + " 1 2 3 4 5\nend 1\n") == "line 2");
  CHECK(line_of(first + key + " 1 2 3 -4\nend 1\n") == "line 2");
  CHECK(line_of(first + key + " 1 2 3 -0\nend 1\n") == "line 2");
  CHECK(line_of(first + key + " 1 2 3 4\nend 1 \n") == "line 3");
  CHECK(line_of(first + key + " 1 2 3 04\nend 1\n") == "line 2");
  CHECK(line_of(first + key + " 1 99999999999999999999 3 4\nend 1\n") == "line 2");
  CHECK(line_of(first + key + " 1 1152921504606846977 3 4\nend 1\n") == "line 2");
  CHECK(line_of(first + key + " 1 2 3 4\n" + key + " 1 2 3 4\nend 2\n") == "line 3");
  CHECK(line_of(first + key + " 1 2 3 4\nend 2\n") == "line 3");
  CHECK(line_of(first + "end 0\nend 0\n") == "line 3");
}

TEST_CASE("a file is written whole, for its owner alone, and read again") {
  const Folder folder;
  CHECK(load_totals(folder.file()).totals.empty());
  CHECK(load_totals(folder.file()).warning.empty());
  REQUIRE(save_totals(folder.file(), some_totals()));
  const LoadedTotals loaded = load_totals(folder.file());
  CHECK(loaded.warning.empty());
  CHECK(loaded.totals == some_totals());
  struct stat status {};
  REQUIRE(::stat(folder.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a file that cannot be understood is set aside with a warning, and nothing in it is lost") {
  const Folder folder;
  folder.write("culvert traffic totals 1\nnonsense\n");
  const LoadedTotals loaded = load_totals(folder.file());
  CHECK(loaded.totals.empty());
  CHECK(loaded.warning.find("line 2") != std::string::npos);
  CHECK(loaded.warning.find(folder.file() + ".bad") != std::string::npos);
  CHECK(Folder::read(folder.file() + ".bad") == "culvert traffic totals 1\nnonsense\n");
  CHECK(load_totals(folder.file()).warning.empty());
}

TEST_CASE("where nothing can be written the old file stays") {
  const Folder folder;
  REQUIRE(save_totals(folder.file(), some_totals()));
  // A folder in the place of the file that would be renamed.
  REQUIRE(::mkdir((folder.file() + ".new").c_str(), 0700) == 0);
  const auto saved = save_totals(folder.file(), {});
  ::rmdir((folder.file() + ".new").c_str());
  REQUIRE_FALSE(saved);
  CHECK(saved.error().find(folder.file()) != std::string::npos);
  CHECK(load_totals(folder.file()).totals == some_totals());
}
