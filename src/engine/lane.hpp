// SPDX-License-Identifier: MIT
// One lane: a thread that owns a TUN queue, a UDP socket of each family and a DataPath, and runs each batch to
// completion. Control speaks to it by mail, taken between two batches; it speaks to control through a bounded ring.
// Only handshake messages may find that ring full: everything else waits its turn in the lane.
#pragma once

#include <thread>
#include <variant>

#include "coalesce.hpp"
#include "inbound.hpp"
#include "lane_state.hpp"
#include "mailbox.hpp"
#include "outbound.hpp"
#include "ring.hpp"

namespace culvert::engine {

namespace mail {
/// The sockets from now on. nullptr: none of that family.
struct SocketsReplaced {
  std::shared_ptr<io::UdpSocket> v4, v6;
};
/// Time to ask the kernel what it takes: while the link is down it takes nothing.
struct LinkCameUp {};
struct Stop {};
/// Packets are copied to `tap` from now on; nullptr: they are not.
struct Tapped {
  std::shared_ptr<Tap> tap;
  std::optional<std::vector<PeerId>> only;  // whose; nullopt: everybody's
};
}  // namespace mail

using LaneMail = std::variant<Change, mail::SocketsReplaced, mail::LinkCameUp, mail::Stop, mail::Tapped>;
using LaneReport = std::variant<Report, Notice>;

struct LaneOptions {
  std::size_t lane = 0;
  std::size_t lanes = 1;
  std::size_t mtu = 1420;
  io::CoalesceOptions coalesce;
};

class Lane {
 public:
  /// Starts the thread. \param control  is woken when there are reports; it and `aead` outlive the lane.
  Lane(const LaneOptions& options, std::unique_ptr<io::TunQueue> tun, const crypto::AeadBackend& aead, Wakeup& control);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  /// Ends the thread after the batch under way.
  ~Lane();

  /// The control thread only.
  void post(std::vector<LaneMail> mail) { mailbox_.post(std::move(mail)); }
  /// The control thread only. False: none.
  [[nodiscard]] bool take_report(LaneReport& report) noexcept { return reports_.pop(report); }

  [[nodiscard]] const DropCounters& drops() const noexcept { return state_.path.drops(); }
  [[nodiscard]] const PacketCounters& packets() const noexcept { return state_.path.packets(); }
  [[nodiscard]] const io::TunCounters& tun_counters() const noexcept { return tun_->counters(); }
  [[nodiscard]] const io::CoalesceCounters& coalesce_counters() const noexcept { return coalescer_.counters(); }

 private:
  void run();
  [[nodiscard]] int patience() const noexcept;
  /// False: errno.
  [[nodiscard]] bool watch(int descriptor, std::uint32_t source);
  void watch_socket(const io::UdpSocket* socket, std::uint32_t source);
  void unwatch(int descriptor);
  void round(std::uint32_t source);
  void take_errors(std::uint32_t source);
  void take_mail();
  void probe_coalescing();
  void carry_out(const DataPath::Todo& todo);
  void hand_over_reports();

  LaneState state_;
  std::unique_ptr<io::TunQueue> tun_;
  io::Coalescer coalescer_;
  Outbound outbound_;
  Inbound inbound_;
  Mailbox<LaneMail> mailbox_;
  Ring<LaneReport> reports_;
  Wakeup& control_;
  std::vector<LaneReport> waiting_;  // reports that found the ring full
  io::UniqueFd epoll_;
  Instant next_error_{};  // when control may hear of an ICMP message again
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace culvert::engine
