// SPDX-License-Identifier: MIT
// Why a peer does not work, as far as this end can know, in an order that says which explains more: where several are
// true at once, the first of them is the cause to name.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/drop.hpp>
#include <culvert/time.hpp>

namespace culvert {

enum class Problem : std::uint8_t {
  // decided here
  disabled,
  expired,
  no_endpoint,
  weak_key,
  // seen on our way out
  routing_loop,
  blocked_by_firewall,
  no_route,
  send_failed,
  // told by the peer, or by somebody on the way
  bad_answer,
  port_closed,
  unreachable,
  admin_prohibited,
  // the peer calls, and is refused
  old_timestamp,
  unproven_key,
  initiations_too_close,
  // nobody says anything
  never_confirmed,
  answers_no_more,
  no_answer,
  cookie_demanded,
  // the tunnel is up, and packets are dropped
  data_unanswered,
  source_not_allowed,
  inner_malformed,
  too_big,
  staging_full,
  count_,
};

inline constexpr std::size_t kProblemCount = static_cast<std::size_t>(Problem::count_);

/// The enumerator as written, such as "bad_answer": for programs.
[[nodiscard]] std::string_view name(Problem problem) noexcept;
/// One sentence for people: what is wrong.
[[nodiscard]] std::string_view text(Problem problem) noexcept;
/// One sentence for people: what to do about it.
[[nodiscard]] std::string_view advice(Problem problem) noexcept;
/// Nothing gets through while this lasts. False: the tunnel may be up, and single packets are dropped.
[[nodiscard]] bool keeps_down(Problem problem) noexcept;

/// What a drop says about the peer that it concerns. nullopt: nothing that the peer's owner should look at.
[[nodiscard]] std::optional<Problem> problem_of(Drop drop) noexcept;

struct ProblemRecord {
  Problem problem = Problem::no_answer;
  std::uint64_t count = 0;
  Instant last{};  // for ages
  UnixTime wall;   // the same instant, for people
  /// Who said so, or where it came from: the sender of an ICMP message or of a handshake, or an inner source.
  std::optional<IpAddress> address = {};
};

/// The problems that one peer has had: at most one record a kind, so that nobody can make it grow.
class ProblemRecords {
 public:
  void note(Problem problem, Now now, const std::optional<IpAddress>& address = {}, std::uint64_t count = 1);
  void forget(Problem problem) noexcept;
  /// nullptr: it never happened.
  [[nodiscard]] const ProblemRecord* of(Problem problem) const noexcept;
  [[nodiscard]] const ProblemRecord* latest() const noexcept;
  /// The one that explains most among those that keep the peer down and happened at `since` or later.
  [[nodiscard]] const ProblemRecord* cause(Instant since) const noexcept;
  [[nodiscard]] const std::vector<ProblemRecord>& all() const noexcept { return records_; }

 private:
  std::vector<ProblemRecord> records_;
};

}  // namespace culvert
