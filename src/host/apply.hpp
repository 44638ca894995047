// SPDX-License-Identifier: MIT
// Applies plans to the host: all or nothing, journaled before each change, undone in reverse.
//
// The order of calls, for the host half:
//
//   up      1  HostSetup::open(hands, journal): reads what a crash may have left
//           2  repair(Guard::keep): undoes it, but for the firewall, since a kill switch holds until step 4 replaces it
//           3  resolve the endpoints, read_facts(endpoints, 0), choose(config, facts), make_plan(...)
//           4  guard(plan): firewall and sysctls, which need no interface
//           5  open the TUN queues, start the packet half and configure it with fwmark=plan.choice.mark: from here on
//              its sockets are marked. The link is down. If this fails: abandon()
//           6  apply(plan): addresses, MTU, up, rules, routes, DNS. On failure everything is as before step 4
//   reload  7  read_facts(endpoints, choice.mark), make_plan with the same choice(), change(plan). Also when an address
//              or a default route of the host changed: the plan follows the facts, and an equal plan changes nothing.
//              If the configuration's fwmark changed, the packet half is told before change()
//   down    8  undo(), then end the packet half and close the queues
//   crash      of the packet half: leave all as it is and start another half with the same queues and mark
//              of the host half: steps 1 and 2 of the next start, or `culvertd --undo`, which is repair(Guard::lift)
//
// Not thread-safe; one thread calls. Calls take as long as the kernel, the disk and the resolver's service take (each
// has a deadline of its own of a few seconds).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <culvert/result.hpp>

#include "hands.hpp"
#include "host_failure.hpp"
#include "journal.hpp"
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

  /// Of the plan that stands, or of what a crash left.
  [[nodiscard]] const Choice& choice() const noexcept { return choice_; }
  /// The changes that stand, in the order of making.
  [[nodiscard]] const std::vector<Made>& made() const noexcept { return made_; }
  /// Nothing is changed on the host.
  [[nodiscard]] bool untouched() const noexcept { return made_.empty(); }
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
  [[nodiscard]] Result<void, Failure> add(const Step& step);
  [[nodiscard]] Result<void, Failure> replace(const Step& from, const Step& to);
  [[nodiscard]] Result<void, Failure> remove(const Step& step);
  [[nodiscard]] Result<void, Failure> undo_one(std::size_t which);
  [[nodiscard]] Result<void, Failure> undo_all();
  [[nodiscard]] Result<void, Failure> finish_if_untouched();

  Hands* hands_;
  Journal journal_;
  std::string interface_;
  std::string boot_;
  Choice choice_;
  std::vector<Made> made_;
  std::uint64_t next_id_ = 1;
  std::vector<std::string> notes_;
};

}  // namespace culvert::host
