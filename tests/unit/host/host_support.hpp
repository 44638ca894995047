// SPDX-License-Identifier: MIT
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "config.hpp"
#include "hands.hpp"
#include "plan.hpp"

namespace culvert::host {

inline Prefix prefix(const char* text) { return *parse_prefix(text); }

inline config::PeerConfig peer(const char* endpoint, const std::vector<const char*>& allowed) {
  config::PeerConfig made;
  if (*endpoint != '\0') made.endpoints.push_back({endpoint, 51820});
  for (const char* each : allowed) made.allowed_ips.push_back(prefix(each));
  return made;
}

/// A laptop that sends everything through one gateway.
inline config::Config laptop() {
  config::Config made;
  made.name = "wg0";
  made.addresses = {prefix("10.99.0.2/24"), prefix("fd99::2/64")};
  made.peers.push_back(peer("198.51.100.1", {"0.0.0.0/0", "::/0"}));
  return made;
}

/// In a private network over eth0, and in one that is public.
inline Facts at_home() {
  Facts facts;
  facts.links = {{1, "lo", 65536}, {2, "eth0", 1500}, {3, "eth1", 1400}};
  facts.addresses = {{1, prefix("127.0.0.1/8")},
                     {2, prefix("192.168.7.20/24")},
                     {2, prefix("fd00:7::20/64")},
                     {3, prefix("203.0.113.9/24")}};
  facts.default_routes.push_back({DefaultRouteFact::Origin::other, Family::v4, 2, 0, 0, parse_address("192.168.7.1")});
  facts.tables = {253, 254, 255};
  return facts;
}

/// The steps in words, for comparison and for the message when it fails.
inline std::vector<std::string> in_words(const std::vector<Step>& steps) {
  std::vector<std::string> words;
  for (const Step& step : steps) words.push_back(to_string(step));
  return words;
}

/// A folder of its own that goes with it.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "culvert-host-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// A host of values: what stands on it, in words, and a call at which it fails.
class FakeHost : public Hands {
 public:
  std::vector<std::string> stands;           // in the order of making
  std::map<std::string, std::string> slots;  // of steps that replace each other: what is in force
  std::vector<std::string> calls;
  std::size_t fail_at = 0;  // the number of the make() that fails, from 1; 0: none
  std::string refuses_undo;
  bool present = false;  // a firewall of the name stands already

  Result<Before, Failure> look(const std::string&, const Step& step) override {
    Before before = {{"was", slots[slot(step)]}};
    if (present && std::holds_alternative<step::Firewall>(step)) before.emplace("present", "1");
    return before;
  }

  Result<void, Failure> make(const std::string&, const Step& step, const Before&) override {
    const std::string words = to_string(step);
    calls.push_back("make " + words);
    if (++made_ == fail_at) return Err{Failure{5, words, "the fake fails", ""}};
    std::erase(stands, words);
    if (!slot(step).empty()) {
      std::erase(stands, slots[slot(step)]);
      slots[slot(step)] = words;
    }
    stands.push_back(words);
    return {};
  }

  Result<void, Failure> undo(const std::string&, const Step& step, const Before& before) override {
    const std::string words = to_string(step);
    calls.push_back("undo " + words);
    if (words == refuses_undo) return Err{Failure{5, words, "the fake keeps it", ""}};
    std::erase(stands, words);
    if (!slot(step).empty()) slots[slot(step)] = before.at("was");
    return {};
  }

 private:
  static std::string slot(const Step& step) {
    if (std::holds_alternative<step::Firewall>(step)) return "firewall";
    if (std::holds_alternative<step::Mtu>(step)) return "mtu";
    if (std::holds_alternative<step::Dns>(step)) return "dns";
    return "";
  }
  std::size_t made_ = 0;
};

}  // namespace culvert::host
