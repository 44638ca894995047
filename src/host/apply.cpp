// SPDX-License-Identifier: MIT
#include "apply.hpp"

#include <algorithm>
#include <iterator>

namespace culvert::host {
namespace {

/// Two steps of which the second takes the place of the first: only one of them can stand.
bool same_place(const Step& a, const Step& b) {
  if (a.index() != b.index()) return false;
  if (const auto* const sysctl = std::get_if<step::Sysctl>(&a)) return sysctl->key == std::get<step::Sysctl>(b).key;
  if (std::holds_alternative<step::Address>(a) || std::holds_alternative<step::Rule>(a) ||
      std::holds_alternative<step::Route>(a))
    return a == b;
  return true;
}

bool needs_interface(const Step& step) {
  return !std::holds_alternative<step::Firewall>(step) && !std::holds_alternative<step::Sysctl>(step);
}

bool optional_step(const Step& step) {
  const auto* const firewall = std::get_if<step::Firewall>(&step);
  return firewall != nullptr && firewall->need == step::Firewall::Need::helpful;
}

// What is remembered of a firewall that stood before, beside what its hands need.
constexpr const char* kOfOthers = "present";  // it was in no journal: a boot-time unit raised it
constexpr const char* kOfACrash = "left";     // it was in ours

/// What other tunnels may make and undo as well. How DNS is set is known once it was looked at.
bool is_shared(const Step& step, const Before& before = {}) {
  if (std::holds_alternative<step::Sysctl>(step) || std::holds_alternative<step::Rule>(step)) return true;
  const auto way = before.find("way");
  return std::holds_alternative<step::Dns>(step) && (way == before.end() || way->second == "file");
}

bool is_firewall(const Made& made) { return std::holds_alternative<step::Firewall>(made.step); }

/// A firewall that stood before us: a failure is no reason to lift it.
bool is_found_guard(const Made& made) {
  return is_firewall(made) && (made.before.contains(kOfOthers) || made.before.contains(kOfACrash));
}

}  // namespace

/// One difference between what is and what is wanted.
struct HostSetup::Change {
  enum class Kind : std::uint8_t { add, replace, remove } kind = Kind::add;
  Step from, to;  // of add only `to`, of remove only `from`
};

Result<HostSetup, Failure> HostSetup::open(Hands& hands, std::string journal_path) {
  auto content = Journal::read(journal_path);
  if (!content) return Err{content.error()};
  HostSetup setup(hands, Journal(std::move(journal_path)));
  setup.boot_ = boot_id();
  if (!content->has_value()) return setup;
  JournalContent& left = **content;
  if (left.boot != setup.boot_) forget_boot(left);
  setup.interface_ = std::move(left.interface);
  setup.choice_ = left.choice;
  setup.made_ = std::move(left.made);
  for (const Made& made : setup.made_) setup.next_id_ = std::max(setup.next_id_, made.id + 1);
  // From here on it is written as of this boot, with what is left of the last.
  const auto started = setup.journal_.start({setup.interface_, setup.boot_, setup.choice_, setup.made_});
  if (!started) return Err{started.error()};
  return setup;
}

Result<void, Failure> HostSetup::repair(Guard guard) {
  std::optional<Made> kept;
  if (guard == Guard::keep)
    if (const auto found = std::find_if(made_.begin(), made_.end(), is_firewall); found != made_.end()) {
      kept = *found;
      kept->before[kOfACrash] = "1";  // of whatever comes now, a failure is no reason to lift it
      made_.erase(found);
    }
  auto undone = undo_all();
  if (kept) made_.insert(made_.begin(), *kept);
  const auto finished = finish_if_untouched();
  return undone ? finished : undone;
}

Result<Choice, Failure> HostSetup::choose(const config::Config& config, const std::string& interface,
                                          const Facts& facts) {
  const auto lock = lock_journals();
  std::vector<Choice> others;
  for (const JournalContent& other : other_journals(journal_.folder(), interface, boot_))
    others.push_back(other.choice);
  // What an earlier run had may be another's since.
  const bool up = std::any_of(made_.begin(), made_.end(), [](const Made& made) { return needs_interface(made.step); });
  const Choice choice = host::choose(config, facts, up ? choice_ : Choice{}, others);
  if (auto kept = keep_choice(interface, choice); !kept) return Err{kept.error()};
  return choice;
}

Result<void, Failure> HostSetup::keep_choice(const std::string& interface, const Choice& choice) {
  if (journal_.started() && choice_ == choice && interface_ == interface) return {};
  auto started = journal_.start({interface, boot_, choice, made_});
  if (!started) return started;
  interface_ = interface;
  choice_ = choice;
  return {};
}

Result<void, Failure> HostSetup::guard(const Plan& plan) {
  std::vector<Step> wanted;
  std::copy_if(plan.steps.begin(), plan.steps.end(), std::back_inserter(wanted),
               [](const Step& step) { return !needs_interface(step); });
  return set_up(wanted, plan);
}

Result<void, Failure> HostSetup::apply(const Plan& plan) { return set_up(plan.steps, plan); }

Result<void, Failure> HostSetup::set_up(const std::vector<Step>& wanted, const Plan& plan) {
  auto taken = take_on(wanted, plan);
  if (taken) return taken;
  if (const auto undone = abandon(); !undone) notes_.push_back("not undone: " + undone.error().message());
  return taken;
}

Result<void, Failure> HostSetup::abandon() {
  const bool found_guard = std::any_of(made_.begin(), made_.end(), is_found_guard);
  return repair(found_guard ? Guard::keep : Guard::lift);
}

Result<void, Failure> HostSetup::change(const Plan& plan) { return take_on(plan.steps, plan); }

Result<void, Failure> HostSetup::reassert() {
  for (const Made& made : made_) {
    const auto lock = is_shared(made.step, made.before) ? lock_journals() : std::nullopt;
    if (auto again = hands_->make(interface_, made.step, made.before); !again) return again;
  }
  return {};
}

Result<void, Failure> HostSetup::undo() { return repair(Guard::lift); }

bool HostSetup::has_guard() const noexcept { return std::any_of(made_.begin(), made_.end(), is_firewall); }

bool HostSetup::has_guard_of_others() const noexcept {
  return std::any_of(made_.begin(), made_.end(),
                     [](const Made& made) { return is_firewall(made) && made.before.contains(kOfOthers); });
}

Result<void, Failure> HostSetup::take_on(const std::vector<Step>& wanted, const Plan& plan) {
  if (auto kept = keep_choice(plan.interface, plan.choice); !kept) return kept;
  std::vector<Change> performed;
  for (const Change& change : differences(wanted, plan)) {
    auto done = perform(change);
    if (!done) {
      take_back(performed);
      return done;
    }
    performed.push_back(change);
  }
  return {};
}

/// What tightens the firewall comes first, what loosens it last; in between, new ways are there before old ones go.
std::vector<HostSetup::Change> HostSetup::differences(const std::vector<Step>& wanted, const Plan& plan) const {
  std::vector<Change> changes, late;
  for (const Step& step : wanted) {
    const auto stands =
        std::find_if(made_.begin(), made_.end(), [&](const Made& made) { return same_place(made.step, step); });
    if (stands == made_.end()) {
      changes.push_back({Change::Kind::add, {}, step});
    } else if (stands->step != step) {
      const bool loosens = std::holds_alternative<step::Firewall>(step) && !plan.firewall.kill_switch;
      (loosens ? late : changes).push_back({Change::Kind::replace, stands->step, step});
    }
  }
  for (auto made = made_.rbegin(); made != made_.rend(); ++made)
    if (std::none_of(wanted.begin(), wanted.end(), [&](const Step& step) { return same_place(made->step, step); }))
      changes.push_back({Change::Kind::remove, made->step, {}});
  changes.insert(changes.end(), late.begin(), late.end());
  return changes;
}

Result<void, Failure> HostSetup::perform(const Change& change) {
  switch (change.kind) {
    case Change::Kind::add:
      return add(change.to);
    case Change::Kind::replace:
      return replace(change.from, change.to);
    case Change::Kind::remove:
      return remove(change.from);
  }
  return {};
}

/// A firewall whose place a kill switch of others had: without it there would be none.
bool HostSetup::stays(const Step& added) const {
  return std::any_of(made_.begin(), made_.end(),
                     [&](const Made& made) { return made.step == added && is_found_guard(made); });
}

void HostSetup::take_back(const std::vector<Change>& performed) {
  for (auto change = performed.rbegin(); change != performed.rend(); ++change) {
    const auto reverse = [&]() -> Result<void, Failure> {
      switch (change->kind) {
        case Change::Kind::add:
          return stays(change->to) ? Result<void, Failure>{} : remove(change->to);
        case Change::Kind::replace:
          return replace(change->to, change->from);
        case Change::Kind::remove:
          return add(change->from);
      }
      return {};
    };
    if (const auto undone = reverse(); !undone) notes_.push_back("not taken back: " + undone.error().message());
  }
}

Result<void, Failure> HostSetup::add(const Step& step) {
  auto lock = is_shared(step) ? lock_journals() : std::nullopt;
  auto before = hands_->look(interface_, step);
  if (!before && optional_step(step)) {
    notes_.push_back("done without: " + before.error().message());
    return {};
  }
  if (!before) return Err{before.error()};
  Made made{next_id_, step, std::move(*before)};
  if (auto written = journal_.will_make(made); !written) return written;
  ++next_id_;
  made_.push_back(made);
  if (!is_shared(step, made.before)) lock.reset();
  auto done = hands_->make(interface_, step, made.before);
  lock.reset();
  if (done) return done;
  if (is_found_guard(made) && !optional_step(step)) {
    // A table is replaced as a whole or not at all: the one that stood before stands.
    forget(made_.size() - 1);
    return done;
  }
  const auto undone = undo_one(made_.size() - 1);
  if (!undone) notes_.push_back("not undone: " + undone.error().message());
  if (!optional_step(step)) return done;
  notes_.push_back("done without: " + done.error().message());
  return {};
}

Result<void, Failure> HostSetup::replace(const Step& from, const Step& to) {
  const auto stands = std::find_if(made_.begin(), made_.end(), [&](const Made& made) { return made.step == from; });
  if (stands == made_.end()) return add(to);
  // The same number and the same past: what was before the first is what is brought back in the end.
  const Made next{stands->id, to, stands->before};
  const auto lock = is_shared(to, next.before) ? lock_journals() : std::nullopt;
  if (auto written = journal_.will_make(next); !written) return written;
  auto done = hands_->make(interface_, to, next.before);
  if (done) {
    *stands = next;
    return done;
  }
  // Nobody knows how far it came: once more what stood.
  if (const auto again = hands_->make(interface_, from, stands->before); !again)
    notes_.push_back("not taken back: " + again.error().message());
  if (const auto written = journal_.will_make(*stands); !written) notes_.push_back(written.error().message());
  return done;
}

Result<void, Failure> HostSetup::remove(const Step& step) {
  const auto stands = std::find_if(made_.begin(), made_.end(), [&](const Made& made) { return made.step == step; });
  if (stands == made_.end()) return {};
  auto undone = undo_one(static_cast<std::size_t>(stands - made_.begin()));
  if (!undone || !std::holds_alternative<step::Address>(step)) return undone;
  // With the first address of a network the kernel removes its others, and with the last of a family its routes.
  for (const Made& made : made_) {
    if (!std::holds_alternative<step::Address>(made.step) && !std::holds_alternative<step::Route>(made.step)) continue;
    auto again = hands_->make(interface_, made.step, made.before);
    if (again) continue;
    if (const auto back = add(step); !back) notes_.push_back("not taken back: " + back.error().message());
    return again;
  }
  return {};
}

Result<void, Failure> HostSetup::undo_one(std::size_t which) {
  const Made& made = made_[which];
  const auto lock = is_shared(made.step, made.before) ? lock_journals() : std::nullopt;
  if (auto undone = hands_->undo(interface_, made.step, made.before); !undone) return undone;
  forget(which);
  return {};
}

void HostSetup::forget(std::size_t which) {
  // Not written down: the next start will undo it once more, which changes nothing.
  if (const auto written = journal_.is_gone(made_[which].id); !written) notes_.push_back(written.error().message());
  made_.erase(made_.begin() + static_cast<std::ptrdiff_t>(which));
}

Result<void, Failure> HostSetup::undo_all() {
  Result<void, Failure> first;
  for (std::size_t left = made_.size(); left > 0; --left)
    if (auto undone = undo_one(left - 1); !undone && first) first = std::move(undone);
  return first;
}

/// Without it, life goes on: a tunnel that does not come up, or does not go, is worse than two that meet.
std::optional<JournalLock> HostSetup::lock_journals() {
  const auto left = std::exchange(left_, std::chrono::milliseconds(0));
  auto lock = JournalLock::take(journal_.folder(), left);
  if (lock) {
    left_ = patience_;
    return std::move(*lock);
  }
  if (left.count() != 0) notes_.push_back("going on without the lock of the journals: " + lock.error().message());
  return std::nullopt;
}

Result<void, Failure> HostSetup::finish_if_untouched() {
  if (!untouched()) return {};
  return journal_.finish();
}

}  // namespace culvert::host
