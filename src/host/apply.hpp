// SPDX-License-Identifier: MIT
// Applies plans to the host: all or nothing, journaled before each change, undone in reverse.
//
// The order of calls, for the host half:
//
//   up      1  HostSetup::open(hands, journal): reads what a crash may have left
//           2  repair(Guard::keep): undoes it, but for the firewall, since a kill switch holds until step 4 replaces it
//           3  resolve the endpoints, read_facts(endpoints, 0), choose(config, name, facts), make_plan(...)
//           4  guard(plan): firewall and sysctls, which need no interface
//           5  open the TUN queues, start the packet half and configure it with fwmark=plan.choice.mark: from here on
//              its sockets are marked. The link is down. If this fails: abandon()
//           6  apply(plan): addresses, MTU, up, rules, routes, DNS. On failure everything is as before step 4
//   reload  7  read_facts(endpoints, choice.mark), choose(config, name, facts), make_plan(...), change(plan). If the
//              configuration's fwmark changed, the packet half is told before change(). If it is refused: keep_choice()
//              When an address or a default route of the host changed, the same with the choice() that there is: the
//              plan follows the facts, and an equal plan changes nothing
//   down    8  undo(), then end the packet half and close the queues. Where the kill switch is to stay, as one that was
//              raised at boot does when a service is stopped: repair(Guard::keep)
//   crash      of the packet half: leave all as it is and start another half with the same queues and mark
//              of the host half: steps 1 and 2 of the next start, or `culvertd --undo`, which is repair(Guard::lift)
//
// Not thread-safe; one thread calls. Calls take as long as the kernel, the disk and the resolver's service take (each
// has a deadline of its own of a few seconds).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <culvert/result.hpp>

#include "hands.hpp"
#include "host_failure.hpp"
#include "journal.hpp"
#include "journal_lock.hpp"
#include "plan.hpp"

namespace culvert::host {

/// What becomes of the firewall when all else is undone.
enum class Guard : std::uint8_t { keep, lift };

class HostSetup {
 public:
  /// Reads the journal; changes nothing. A journal that cannot be read is a failure, since it may be all that knows the
  /// way back.
  /// \param hands  borrowed: for the life of the object. \param journal_path  its folder exists and is writable
  [[nodiscard]] static Result<HostSetup, Failure> open(Hands& hands, std::string journal_path);

  /// Undoes what an earlier run left. What was made in an earlier boot and lived in the kernel is gone without it.
  [[nodiscard]] Result<void, Failure> repair(Guard guard);

  /// The numbers for the configuration, which no other tunnel has or can choose from now on: they are in the journal
  /// when this returns. An interface that is up keeps those that it has.
  [[nodiscard]] Result<Choice, Failure> choose(const config::Config& config, const std::string& interface,
                                               const Facts& facts);
  /// These are the numbers, and others are free again: of a reload that came to nothing.
  [[nodiscard]] Result<void, Failure> keep_choice(const std::string& interface, const Choice& choice);

  /// The steps of the plan that need no interface. On failure as apply().
  [[nodiscard]] Result<void, Failure> guard(const Plan& plan);
  /// All steps of the plan. On failure the host is as it was before guard(), except that a firewall that was there even
  /// then (of a boot-time unit, or of a run that crashed) stays in force.
  [[nodiscard]] Result<void, Failure> apply(const Plan& plan);
  /// Of a start that failed after apply(): everything back, with the same exception.
  [[nodiscard]] Result<void, Failure> abandon();
  /// Makes the differences between what is and the plan. On failure everything is as it was before the call.
  [[nodiscard]] Result<void, Failure> change(const Plan& plan);
  /// Makes sure of every change again: after the link went down and up, which took its routes.
  [[nodiscard]] Result<void, Failure> reassert();
  /// Everything back, in reverse. Goes on after a failure, and returns the first; what failed stays in the journal.
  [[nodiscard]] Result<void, Failure> undo();

  /// How long it waits for another tunnel that reads or writes the journals; then it goes on without.
  void be_patient(std::chrono::milliseconds patience) noexcept { patience_ = left_ = patience; }

  /// Of the plan that stands, or of what a crash left.
  [[nodiscard]] const Choice& choice() const noexcept { return choice_; }
  /// The changes that stand, in the order of making.
  [[nodiscard]] const std::vector<Made>& made() const noexcept { return made_; }
  /// Nothing is changed on the host.
  [[nodiscard]] bool untouched() const noexcept { return made_.empty(); }
  /// A firewall is among the changes that stand.
  [[nodiscard]] bool has_guard() const noexcept;
  /// One is, in the place of another that somebody else had raised before: a boot-time unit, not a run that crashed.
  [[nodiscard]] bool has_guard_of_others() const noexcept;
  /// What did not succeed and was not needed, since the last call of this.
  [[nodiscard]] std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

 private:
  struct Change;
  HostSetup(Hands& hands, Journal journal) : hands_(&hands), journal_(std::move(journal)) {}

  [[nodiscard]] Result<void, Failure> set_up(const std::vector<Step>& wanted, const Plan& plan);
  [[nodiscard]] Result<void, Failure> take_on(const std::vector<Step>& wanted, const Plan& plan);
  [[nodiscard]] std::vector<Change> differences(const std::vector<Step>& wanted, const Plan& plan) const;
  [[nodiscard]] Result<void, Failure> perform(const Change& change);
  void take_back(const std::vector<Change>& performed);
  [[nodiscard]] bool stays(const Step& added) const;
  [[nodiscard]] Result<void, Failure> add(const Step& step);
  [[nodiscard]] Result<void, Failure> replace(const Step& from, const Step& to);
  [[nodiscard]] Result<void, Failure> remove(const Step& step);
  [[nodiscard]] Result<void, Failure> undo_one(std::size_t which);
  void forget(std::size_t which);
  [[nodiscard]] Result<void, Failure> undo_all();
  [[nodiscard]] Result<void, Failure> finish_if_untouched();
  [[nodiscard]] std::optional<JournalLock> lock_journals();

  Hands* hands_;
  Journal journal_;
  std::string interface_;
  std::string boot_;
  Choice choice_;
  std::vector<Made> made_;
  std::uint64_t next_id_ = 1;
  std::vector<std::string> notes_;
  std::chrono::milliseconds patience_{5000};
  std::chrono::milliseconds left_ = patience_;  // none, once it was in vain
};

}  // namespace culvert::host
