// SPDX-License-Identifier: MIT
#include "lane.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <system_error>

#include "clock.hpp"
#include "coalesce_probe.hpp"
#include "overloaded.hpp"

namespace culvert::engine {
namespace {

constexpr std::size_t kRingReports = 1024;
constexpr int kErrorsAtOnce = 64;
constexpr std::chrono::milliseconds kErrorInterval{10};  // between two that control hears of
constexpr std::size_t kRoomForOthers = 256;              // that handshake messages leave free in the ring
constexpr int kRingAgainAfter = 1, kMovesAfter = 250;    // milliseconds

// What a descriptor is, as epoll tells it.
constexpr std::uint32_t kTun = 0, kSocket4 = 1, kSocket6 = 2, kMail = 3;

}  // namespace

Lane::Lane(const LaneOptions& options, std::unique_ptr<io::TunQueue> tun, const crypto::AeadBackend& aead,
           Wakeup& control)
    : state_(options.lane, options.lanes, options.mtu, aead),
      tun_(std::move(tun)),
      coalescer_(*tun_, options.coalesce),
      outbound_(state_, *tun_),
      inbound_(state_, coalescer_),
      reports_(kRingReports),
      control_(control),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  // A lane that hears nothing would run, and look well.
  if (!epoll_ || !watch(tun_->descriptor(), kTun) || !watch(mailbox_.wakeup().descriptor(), kMail))
    throw std::system_error(errno, std::generic_category(), "watch the descriptors of a lane");
  // Signals are for the control thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Lane::~Lane() {
  std::vector<LaneMail> stop;
  stop.emplace_back(mail::Stop{});
  mailbox_.post(std::move(stop));
  thread_.join();
}

void Lane::run() {
  std::array<epoll_event, 8> events;
  while (!stopping_) {
    const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience());
    state_.now = read_monotonic();
    const std::size_t room = reports_.room();
    state_.handshake_room = room > kRoomForOthers && waiting_.empty() ? room - kRoomForOthers : 0;
    for (int i = 0; i < ready; ++i) {
      if (mailbox_.waiting()) take_mail();
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if ((event.events & EPOLLERR) != 0) take_errors(event.data.u32);
      round(event.data.u32);
    }
    state_.path.tell_moves(state_.now, state_.reports);
    hand_over_reports();
    if (state_.tap && state_.tap->has_news()) control_.wake();
  }
}

// How long to wait for something to happen, in milliseconds; -1: for ever.
int Lane::patience() const noexcept {
  if (!waiting_.empty()) return kRingAgainAfter;
  return state_.path.has_untold_moves() ? kMovesAfter : -1;
}

void Lane::round(std::uint32_t source) {
  switch (source) {
    case kTun:
      if (outbound_.run() == Progress::gone) {
        unwatch(tun_->descriptor());
        state_.notices.push_back({Notice::Kind::interface_gone, 0});
      }
      return;
    case kSocket4:
    case kSocket6: {
      // Mail taken in this very wake-up may have replaced the socket.
      io::UdpSocket* socket = (source == kSocket4 ? state_.v4 : state_.v6).get();
      if (socket != nullptr && inbound_.run(*socket) == Progress::gone) unwatch(socket->descriptor());
      return;
    }
    case kMail:
      mailbox_.wakeup().clear();
      return take_mail();
  }
}

// What ICMP says of our datagrams. Before the socket is read, since an error that waits fails the read.
void Lane::take_errors(std::uint32_t source) {
  if (source != kSocket4 && source != kSocket6) return;
  const io::UdpSocket* socket = (source == kSocket4 ? state_.v4 : state_.v6).get();
  if (socket == nullptr) return;
  for (int i = 0; i < kErrorsAtOnce; ++i) {
    const auto error = io::take_icmp_error(socket->descriptor());
    if (!error) return;
    if (state_.now < next_error_) continue;
    next_error_ = state_.now + kErrorInterval;
    state_.reports.push_back(unreachable(*error));
  }
}

void Lane::take_mail() {
  mailbox_.take([this](LaneMail&& item) {
    std::visit(Overloaded{
                   [this](Change&& change) { carry_out(state_.path.apply(std::move(change))); },
                   [this](mail::SocketsReplaced&& sockets) {
                     for (const auto* old : {state_.v4.get(), state_.v6.get()})
                       if (old != nullptr) unwatch(old->descriptor());
                     state_.v4 = std::move(sockets.v4);
                     state_.v6 = std::move(sockets.v6);
                     watch_socket(state_.v4.get(), kSocket4);
                     watch_socket(state_.v6.get(), kSocket6);
                   },
                   [this](mail::LinkCameUp&&) { probe_coalescing(); },
                   [this](mail::Stop&&) { stopping_ = true; },
                   [this](mail::Tapped&& tapped) {
                     state_.tap = std::move(tapped.tap);
                     if (state_.tap) state_.tap->choose(std::move(tapped.only));
                   },
               },
               std::move(item));
  });
}

void Lane::probe_coalescing() {
  using io::Coalescing;
  const io::CoalesceOptions wanted = coalescer_.options();
  const std::atomic<std::uint64_t>& written = tun_->counters().written_packets;
  const std::uint64_t before = written.load(std::memory_order_relaxed);
  const auto works = io::probe_coalescing(*tun_, wanted);
  add_own(state_.path.packets().injected, written.load(std::memory_order_relaxed) - before);
  if (!works) return;
  coalescer_.set_options(*works);
  if (wanted.tcp == Coalescing::on && works->tcp == Coalescing::off)
    state_.notices.push_back({Notice::Kind::tcp_coalescing_off, EINVAL});
  if (wanted.udp == Coalescing::on && works->udp == Coalescing::off)
    state_.notices.push_back({Notice::Kind::udp_coalescing_off, EINVAL});
}

void Lane::carry_out(const DataPath::Todo& todo) {
  using What = DataPath::Todo::What;
  if (todo.peer == nullptr) return;
  switch (todo.what) {
    case What::nothing:
      return;
    case What::send_keepalive:
      return outbound_.send_keepalive(*todo.peer);
    case What::flush_staged:
      outbound_.send_staged(*todo.peer);
      return;
    case What::flush_or_keepalive:
      if (outbound_.send_staged(*todo.peer) == 0) outbound_.send_keepalive(*todo.peer);
      return;
  }
}

void Lane::hand_over_reports() {
  if (state_.reports.empty() && state_.notices.empty() && waiting_.empty()) return;
  std::move(state_.reports.begin(), state_.reports.end(), std::back_inserter(waiting_));
  std::move(state_.notices.begin(), state_.notices.end(), std::back_inserter(waiting_));
  state_.reports.clear();
  state_.notices.clear();
  std::size_t handed = 0;
  while (handed < waiting_.size() && reports_.push(waiting_[handed])) ++handed;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(handed));
  control_.wake();
}

bool Lane::watch(int descriptor, std::uint32_t source) {
  if (descriptor < 0) return true;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = source;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Lane::watch_socket(const io::UdpSocket* socket, std::uint32_t source) {
  if (socket != nullptr && !watch(socket->descriptor(), source))
    state_.notices.push_back({Notice::Kind::socket_dead, errno});
}

void Lane::unwatch(int descriptor) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr); }

}  // namespace culvert::engine
