// SPDX-License-Identifier: MIT
#include "apply.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "host_support.hpp"

using namespace culvert;
using namespace culvert::host;

namespace {

using Words = std::vector<std::string>;

struct Machine {
  TempFolder folder;
  FakeHost host;
  std::string path = folder.file("wg0.journal");

  HostSetup open() {
    auto setup = HostSetup::open(host, path);
    REQUIRE(setup);
    return std::move(*setup);
  }
  [[nodiscard]] bool journal_is_there() const { return std::filesystem::exists(path); }
};

Plan full_tunnel(bool kill_switch = true) {
  config::Config config = laptop();
  config.firewall.kill_switch = kill_switch;
  config.dns.servers = {*parse_address("10.99.0.1")};
  return make_plan(config, "wg0", {51820, 51820}, at_home());
}

Words with(const char* verb, Words words) {
  for (std::string& each : words) each = std::string(verb) + " " + each;
  return words;
}

}  // namespace

TEST_CASE("up makes the steps in order, down undoes them in reverse, and the journal is there in between") {
  Machine machine;
  HostSetup setup = machine.open();
  const Plan plan = full_tunnel();
  REQUIRE(setup.guard(plan));
  CHECK(machine.host.stands == Words{"firewall table culvert-wg0", "sysctl net.ipv4.conf.all.src_valid_mark = 1"});
  REQUIRE(setup.apply(plan));
  Words all = in_words(plan.steps);
  CHECK(machine.host.calls == with("make", all));
  CHECK(machine.journal_is_there());
  machine.host.calls.clear();
  REQUIRE(setup.undo());
  std::reverse(all.begin(), all.end());
  CHECK(machine.host.calls == with("undo", all));
  CHECK(machine.host.stands.empty());
  CHECK_FALSE(machine.journal_is_there());
}

TEST_CASE("whichever step fails, everything is undone and the error is that of the step") {
  const Plan plan = full_tunnel();
  for (std::size_t bad = 1; bad <= plan.steps.size(); ++bad) {
    Machine machine;
    HostSetup setup = machine.open();
    machine.host.fail_at = bad;
    auto done = setup.guard(plan);
    if (done) done = setup.apply(plan);
    CAPTURE(bad);
    REQUIRE_FALSE(done);
    CHECK(done.error().step == to_string(plan.steps[bad - 1]));
    CHECK(machine.host.stands.empty());
    CHECK(setup.untouched());
    CHECK_FALSE(machine.journal_is_there());
  }
}

TEST_CASE("after a crash at any moment the next start undoes what was made, in reverse") {
  const Plan plan = full_tunnel();
  for (std::size_t bad = 1; bad <= plan.steps.size(); ++bad) {
    Machine machine;
    HostSetup* const crashed = new HostSetup(machine.open());  // never destroyed: it is dead, not ended
    std::vector<Step> part(plan.steps.begin(), plan.steps.begin() + static_cast<std::ptrdiff_t>(bad));
    Plan partly = plan;
    partly.steps = part;
    REQUIRE(crashed->apply(partly));
    machine.host.calls.clear();
    HostSetup next = machine.open();
    CHECK(next.choice() == plan.choice);
    REQUIRE(next.repair(Guard::lift));
    Words undone = in_words(part);
    std::reverse(undone.begin(), undone.end());
    CHECK(machine.host.calls == with("undo", undone));
    CHECK_FALSE(machine.journal_is_there());
    delete crashed;
  }
}

TEST_CASE("a kill switch outlives repair and a failed start where it was there before") {
  Machine machine;
  const Plan plan = full_tunnel();
  {
    HostSetup crashed = machine.open();
    REQUIRE(crashed.apply(plan));
  }
  HostSetup next = machine.open();
  REQUIRE(next.repair(Guard::keep));
  CHECK(machine.host.stands == Words{"firewall table culvert-wg0"});
  Plan other = plan;
  other.steps.emplace_back(step::Route{prefix("10.7.0.0/16"), 51820});
  machine.host.fail_at = 30;
  while (next.apply(other)) {
    REQUIRE(next.repair(Guard::keep));
    --machine.host.fail_at;
  }
  CHECK(machine.host.stands == Words{"firewall table culvert-wg0"});
  CHECK(machine.journal_is_there());
  machine.host.fail_at = 0;
  REQUIRE(next.apply(other));
  REQUIRE(next.undo());
  CHECK(machine.host.stands.empty());
}

TEST_CASE("a start that failed later leaves a kill switch that was there before, and no other") {
  for (const bool there_before : {false, true}) {
    Machine machine;
    if (there_before) machine.host.present = true;
    HostSetup setup = machine.open();
    REQUIRE(setup.apply(full_tunnel()));
    REQUIRE(setup.abandon());
    CAPTURE(there_before);
    CHECK(machine.host.stands == (there_before ? Words{"firewall table culvert-wg0"} : Words{}));
    CHECK(machine.journal_is_there() == there_before);
  }
}

TEST_CASE("whichever step of a start fails, a kill switch that was raised before stays") {
  const Plan plan = full_tunnel();
  const Words guard{to_string(plan.steps.front())};
  for (std::size_t bad = 1; bad <= plan.steps.size(); ++bad) {
    Machine machine;
    machine.host.present = true;
    machine.host.stands = guard;
    HostSetup setup = machine.open();
    machine.host.fail_at = bad;
    auto done = setup.guard(plan);
    if (done) done = setup.apply(plan);
    CAPTURE(bad);
    REQUIRE_FALSE(done);
    CHECK(done.error().step == to_string(plan.steps[bad - 1]));
    CHECK(machine.host.stands == guard);
    CHECK(std::count(machine.host.calls.begin(), machine.host.calls.end(), "undo " + guard.front()) == 0);
  }
}

TEST_CASE("whose kill switch it is, is known through crashes: of a boot-time unit, or of this program") {
  for (const bool of_others : {false, true}) {
    CAPTURE(of_others);
    Machine machine;
    machine.host.present = of_others;
    CHECK_FALSE(machine.open().has_guard_of_others());
    REQUIRE(machine.open().apply(full_tunnel()));
    machine.host.present = true;  // what the crash leaves is there when it is looked at again
    for (const bool kill_switch : {true, false, true}) {
      HostSetup next = machine.open();
      REQUIRE(next.repair(Guard::keep));
      CHECK(next.has_guard_of_others() == of_others);
      REQUIRE(next.apply(full_tunnel(kill_switch)));
      CHECK(next.has_guard_of_others() == of_others);
    }
    HostSetup last = machine.open();
    REQUIRE(last.undo());
    CHECK_FALSE(last.has_guard_of_others());
    CHECK(machine.host.stands.empty());
  }
}

TEST_CASE("a repair that fails keeps the kill switch however often it is tried, and the journal knows both") {
  Machine machine;
  const Plan plan = full_tunnel();
  CHECK_FALSE(machine.open().has_guard());
  REQUIRE(machine.open().apply(plan));
  machine.host.refuses_undo = to_string(plan.steps.back());
  const Words left{to_string(plan.steps.front()), machine.host.refuses_undo};
  for (int start = 0; start < 3; ++start) {
    HostSetup next = machine.open();
    CHECK(next.has_guard());
    CHECK_FALSE(next.repair(Guard::keep));
    CHECK_FALSE(next.repair(Guard::keep));  // as the way back of a start does
    CHECK(machine.host.stands == left);
  }
  machine.host.refuses_undo.clear();
  HostSetup next = machine.open();
  REQUIRE(next.repair(Guard::lift));
  CHECK_FALSE(next.has_guard());
  CHECK(machine.host.stands.empty());
}

TEST_CASE("an equal plan changes nothing; differences alone are made: new first, then old gone") {
  Machine machine;
  HostSetup setup = machine.open();
  config::Config config = laptop();
  const auto plan = [&] { return make_plan(config, "wg0", {51820, 51820}, at_home()); };
  REQUIRE(setup.apply(plan()));
  machine.host.calls.clear();
  REQUIRE(setup.change(plan()));
  CHECK(machine.host.calls.empty());
  config.mtu = 1300;
  config.addresses[0] = prefix("10.99.0.3/24");
  REQUIRE(setup.change(plan()));
  CHECK(machine.host.calls == Words{"make address 10.99.0.3/24", "make MTU 1300", "undo address 10.99.0.2/24",
                                    // which the kernel may have removed with it
                                    "make address fd99::2/64", "make route fd99::/64 in table 51820",
                                    "make route 10.99.0.0/24 in table 51820", "make route 0.0.0.0/0 in table 51820",
                                    "make route ::/0 in table 51820", "make address 10.99.0.3/24",
                                    "make firewall table culvert-wg0"});
}

TEST_CASE("the firewall is loosened after all else, and tightened before") {
  Machine machine;
  HostSetup setup = machine.open();
  REQUIRE(setup.apply(full_tunnel(true)));
  machine.host.calls.clear();
  Plan loose = full_tunnel(false);
  loose.steps.emplace_back(step::Route{prefix("10.7.0.0/16"), 51820});
  REQUIRE(setup.change(loose));
  CHECK(machine.host.calls.back() == "make firewall table culvert-wg0");
  machine.host.calls.clear();
  REQUIRE(setup.change(full_tunnel(true)));
  CHECK(machine.host.calls.front() == "make firewall table culvert-wg0");
}

TEST_CASE("a reload that fails at any of its changes leaves what stood, and the journal tells the same") {
  config::Config config = laptop();
  config.dns.servers = {*parse_address("10.99.0.1")};
  const Plan before = make_plan(config, "wg0", {51820, 51820}, at_home());
  config.mtu = 1300;
  config.addresses[0] = prefix("10.98.0.3/24");
  config.dns.servers = {*parse_address("10.98.0.1")};
  config.peers[0].allowed_ips = {prefix("0.0.0.0/0"), prefix("10.7.0.0/16")};
  const Plan after = make_plan(config, "wg0", {51820, 51820}, at_home());
  std::size_t failures = 0;
  for (std::size_t bad = 1;; ++bad) {
    Machine machine;
    HostSetup setup = machine.open();
    REQUIRE(setup.apply(before));
    const Words stood = [&] {
      Words sorted = machine.host.stands;
      std::sort(sorted.begin(), sorted.end());
      return sorted;
    }();
    machine.host.fail_at = before.steps.size() + bad;
    if (setup.change(after)) break;
    ++failures;
    Words stands = machine.host.stands;
    std::sort(stands.begin(), stands.end());
    CAPTURE(bad);
    CHECK(stands == stood);
    Words told;
    const auto journal = Journal::read(machine.path);
    for (const Made& made : (*journal)->made) told.push_back(to_string(made.step));
    std::sort(told.begin(), told.end());
    CHECK(told == stood);
    REQUIRE(setup.undo());
    CHECK(machine.host.stands.empty());
  }
  CHECK(failures >= 5);
}

TEST_CASE("a firewall that only helps is done without, and said so") {
  Machine machine;
  HostSetup setup = machine.open();
  machine.host.fail_at = 1;
  REQUIRE(setup.apply(full_tunnel(false)));
  CHECK(setup.take_notes() == Words{"done without: firewall table culvert-wg0: the fake fails"});
  CHECK(std::find(machine.host.stands.begin(), machine.host.stands.end(), "firewall table culvert-wg0") ==
        machine.host.stands.end());
}

TEST_CASE("what cannot be undone stays in the journal for the next start") {
  Machine machine;
  HostSetup setup = machine.open();
  REQUIRE(setup.apply(full_tunnel()));
  machine.host.refuses_undo = "interface up";
  const auto undone = setup.undo();
  REQUIRE_FALSE(undone);
  CHECK(undone.error().message() == "interface up: the fake keeps it");
  CHECK(machine.host.stands == Words{"interface up"});
  machine.host.refuses_undo.clear();
  HostSetup next = machine.open();
  REQUIRE(next.repair(Guard::lift));
  CHECK(machine.host.stands.empty());
}

TEST_CASE("without a place for the journal nothing is changed") {
  FakeHost host;
  auto setup = HostSetup::open(host, "/proc/no/such/wg0.journal");
  REQUIRE(setup);
  CHECK_FALSE(setup->apply(full_tunnel()));
  CHECK(host.calls.empty());
}

TEST_CASE("numbers that another tunnel has chosen are taken before it has made anything, and free again when it ends") {
  Machine machine;
  FakeHost other_host;
  HostSetup first = machine.open();
  auto opened = HostSetup::open(other_host, machine.folder.file("wg1.journal"));
  REQUIRE(opened);
  HostSetup& second = *opened;
  CHECK(*first.choose(laptop(), "wg0", at_home()) == Choice{51820, 51820});
  CHECK(machine.journal_is_there());
  CHECK(*second.choose(laptop(), "wg1", at_home()) == Choice{51821, 51821});
  CHECK(*first.choose(laptop(), "wg0", at_home()) == Choice{51820, 51820});
  // Not in an order: the first is on its way up still.
  REQUIRE(second.guard(make_plan(laptop(), "wg1", second.choice(), at_home())));
  REQUIRE(first.abandon());
  CHECK_FALSE(machine.journal_is_there());
  CHECK(*first.choose(laptop(), "wg0", at_home()) == Choice{51820, 51820});
  REQUIRE(first.apply(full_tunnel()));
  REQUIRE(second.abandon());
  CHECK(*second.choose(laptop(), "wg1", at_home()) == Choice{51821, 51821});
}

TEST_CASE("the numbers of a plan stay in the journal where its guard makes nothing") {
  Machine machine;
  HostSetup setup = machine.open();
  machine.host.fail_at = 1;  // the firewall, which only helps
  Plan plan = full_tunnel(false);
  std::erase_if(plan.steps, [](const Step& step) { return std::holds_alternative<step::Sysctl>(step); });
  REQUIRE(setup.guard(plan));
  CHECK(setup.untouched());
  const auto journal = Journal::read(machine.path);
  REQUIRE(journal->has_value());
  CHECK((*journal)->choice == plan.choice);
  REQUIRE(setup.undo());
  CHECK_FALSE(machine.journal_is_there());
}

TEST_CASE("up, an interface keeps its numbers; what an earlier run had is chosen anew") {
  Machine machine;
  const JournalContent other{"wg1", boot_id(), {51820, 51820}, {}};
  {
    HostSetup crashed = machine.open();
    REQUIRE(crashed.apply(full_tunnel()));
    Journal late(machine.folder.file("wg1.journal"));
    REQUIRE(late.start(other));
    CHECK(*crashed.choose(laptop(), "wg0", at_home()) == Choice{51820, 51820});
  }
  HostSetup next = machine.open();
  REQUIRE(next.repair(Guard::keep));
  CHECK(*next.choose(laptop(), "wg0", at_home()) == Choice{51821, 51821});
  // A reload that was refused.
  REQUIRE(next.keep_choice("wg0", {51820, 0}));
  CHECK((*Journal::read(machine.path))->choice == Choice{51820, 0});
  // In another boot nobody has these numbers any more.
  Journal old(machine.folder.file("wg1.journal"));
  REQUIRE(old.start({"wg1", "another", {51820, 51820}, {}}));
  CHECK(*next.choose(laptop(), "wg0", at_home()) == Choice{51820, 51820});
}

TEST_CASE("while somebody is stopped who has the lock, a tunnel comes up and goes, and says so once") {
  Machine machine;
  HostSetup setup = machine.open();
  const auto held = JournalLock::take(machine.folder.file(""), std::chrono::milliseconds(0));
  REQUIRE(held);
  setup.be_patient(std::chrono::milliseconds(10));
  REQUIRE(setup.choose(laptop(), "wg0", at_home()));
  REQUIRE(setup.apply(full_tunnel()));
  REQUIRE(setup.undo());
  const Words notes = setup.take_notes();
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("another process has it and does not go on") != std::string::npos);
}

namespace {

/// Notes in which calls somebody else could have had the lock of the journals.
class WatchedHost : public FakeHost {
 public:
  explicit WatchedHost(std::string folder) : folder_(std::move(folder)) {}
  std::vector<std::string> locked;
  std::string way = "file";

  Result<Before, Failure> look(const std::string& interface, const Step& step) override {
    note("look at ", step);
    auto before = FakeHost::look(interface, step);
    if (std::holds_alternative<step::Dns>(step)) before->emplace("way", way);
    return before;
  }
  Result<void, Failure> make(const std::string& interface, const Step& step, const Before& before) override {
    note("make ", step);
    return FakeHost::make(interface, step, before);
  }
  Result<void, Failure> undo(const std::string& interface, const Step& step, const Before& before) override {
    note("undo ", step);
    return FakeHost::undo(interface, step, before);
  }

 private:
  void note(const char* verb, const Step& step) {
    if (!JournalLock::take(folder_, std::chrono::milliseconds(0))) locked.push_back(verb + to_string(step));
  }
  std::string folder_;
};

}  // namespace

TEST_CASE("what tunnels share is made and undone by one at a time; nobody waits for what is a tunnel's own") {
  for (const bool file : {true, false}) {
    const TempFolder folder;
    WatchedHost host(folder.file(""));
    if (!file) host.way = "resolved";
    auto setup = HostSetup::open(host, folder.file("wg0.journal"));
    REQUIRE(setup);
    const Plan plan = full_tunnel();
    Words makes, undos;
    for (const Step& step : plan.steps)
      if (std::holds_alternative<step::Sysctl>(step) || std::holds_alternative<step::Rule>(step)) {
        makes.push_back("look at " + to_string(step));
        makes.push_back("make " + to_string(step));
        undos.insert(undos.begin(), "undo " + to_string(step));
      }
    const std::string dns = to_string(plan.steps.back());
    makes.push_back("look at " + dns);
    if (file) makes.push_back("make " + dns);
    if (file) undos.insert(undos.begin(), "undo " + dns);
    REQUIRE(setup->apply(plan));
    CHECK(host.locked == makes);
    host.locked.clear();
    REQUIRE(setup->undo());
    CHECK(host.locked == undos);
  }
}
