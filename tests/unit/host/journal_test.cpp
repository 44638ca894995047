// SPDX-License-Identifier: MIT
#include "journal.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "host_support.hpp"

using namespace culvert;
using namespace culvert::host;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

/// One of each kind, with every field set.
std::vector<Step> one_of_each() {
  return {step::Firewall{step::Firewall::Need::helpful, "culvert-wg0", "add table inet culvert-wg0\n\"quoted\"\n"},
          step::Sysctl{"net/ipv6/conf/eth0.7/accept_ra", "2"},
          step::Address{prefix("fd99::2/64")},
          step::Mtu{1420},
          step::LinkUp{},
          step::Rule{Family::v6, 32500, 51820, prefix("fd00:7::/64"), 254, 63},
          step::Rule{Family::v4, 32502, std::nullopt, std::nullopt, 51820, std::nullopt},
          step::Route{prefix("10.0.0.0/8"), 51820},
          step::Dns{step::Dns::Names::search_only,
                    config::DnsBackend::resolvconf,
                    {*parse_address("10.99.0.1"), *parse_address("fd99::1")},
                    {"corp.example", "lab.example"}}};
}

JournalContent empty_content() { return {"wg0", "boot", {51820, 51821}, {}}; }

}  // namespace

TEST_CASE("what is written is read back, and what is gone is not") {
  const TempFolder folder;
  Journal journal(folder.file("wg0.journal"));
  JournalContent content = empty_content();
  REQUIRE(journal.start(content));
  std::uint64_t id = 0;
  for (const Step& step : one_of_each()) {
    content.made.push_back({++id, step, {{"was", "so\n"}, {"link", "3"}}});
    REQUIRE(journal.will_make(content.made.back()));
  }
  CHECK(*Journal::read(journal.path()) == content);
  REQUIRE(journal.is_gone(2));
  content.made.erase(content.made.begin() + 1);
  CHECK(*Journal::read(journal.path()) == content);
  // A step in place of another has its number.
  content.made[2].step = step::Mtu{1400};
  REQUIRE(journal.will_make(content.made[2]));
  CHECK(*Journal::read(journal.path()) == content);
  REQUIRE(journal.start(content));
  CHECK(*Journal::read(journal.path()) == content);
  REQUIRE(journal.finish());
  CHECK_FALSE(Journal::read(journal.path())->has_value());
}

TEST_CASE("torn at every octet, a journal tells a beginning of what was written, and never anything else") {
  const TempFolder folder;
  Journal journal(folder.file("wg0.journal"));
  JournalContent content = empty_content();
  REQUIRE(journal.start(content));
  std::vector<std::pair<std::size_t, JournalContent>> states = {{text_of(journal.path()).size(), content}};
  for (const Step& step : one_of_each()) {
    content.made.push_back({content.made.size() + 1, step, {}});
    REQUIRE(journal.will_make(content.made.back()));
    states.emplace_back(text_of(journal.path()).size(), content);
  }
  const std::string whole = text_of(journal.path());
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const auto told = parse_journal(std::string_view(whole).substr(0, cut));
    const JournalContent* wanted = nullptr;
    for (const auto& state : states)
      if (state.first <= cut) wanted = &state.second;
    CAPTURE(cut);
    if (wanted == nullptr)
      CHECK_FALSE(told.has_value());
    else
      CHECK(told == *wanted);
  }
}

TEST_CASE("a flipped bit anywhere hides that line and those after it, and nothing else") {
  const TempFolder folder;
  Journal journal(folder.file("wg0.journal"));
  JournalContent content = empty_content();
  REQUIRE(journal.start(content));
  const std::size_t head = text_of(journal.path()).size();
  content.made.push_back({1, step::Mtu{1420}, {}});
  REQUIRE(journal.will_make(content.made.back()));
  std::string text = text_of(journal.path());
  for (std::size_t at = head; at < text.size(); ++at) {
    std::string bent = text;
    bent[at] = static_cast<char>(bent[at] ^ 1);
    CAPTURE(at);
    CHECK(parse_journal(bent) == empty_content());
  }
}

TEST_CASE("a file that is not ours is refused in words, and one cut before its first line is none") {
  const TempFolder folder;
  const std::string path = folder.file("wg0.journal");
  write_text(path, "");
  CHECK_FALSE(Journal::read(path)->has_value());
  write_text(path, "0123456789abcdef {\"jour");
  CHECK_FALSE(Journal::read(path)->has_value());
  write_text(path, "nothing of the kind\n");
  const auto foreign = Journal::read(path);
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().message() == "reading the journal " + path +
                                         ": it is damaged, or of another version (look what it lists, undo that by "
                                         "hand, and remove the file)");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  CHECK_FALSE(Journal::read(path));
  std::filesystem::remove(path);
  std::filesystem::create_symlink(folder.file("elsewhere"), path);
  CHECK_FALSE(Journal::read(path));
}

TEST_CASE("only its owner reads it, and without its folder it cannot start") {
  const TempFolder folder;
  Journal journal(folder.file("wg0.journal"));
  REQUIRE(journal.start(empty_content()));
  struct stat status {};
  REQUIRE(::stat(journal.path().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  Journal nowhere(folder.file("no/such/folder"));
  const auto started = nowhere.start(empty_content());
  REQUIRE_FALSE(started);
  CHECK(started.error().code == ENOENT);
  CHECK_FALSE(nowhere.will_make({1, step::LinkUp{}, {}}));
}
