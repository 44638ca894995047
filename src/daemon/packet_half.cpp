// SPDX-License-Identifier: MIT
// set-up arrives -> engine (its lanes run, the link counts as down) -> sockets served -> "ready"
// link up -> UDP sockets are asked for;  link down -> they close and all sessions are forgotten
// the host half is gone -> the end
#include "packet_half.hpp"

#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>

#include "aead.hpp"
#include "capture_server.hpp"
#include "clock.hpp"
#include "device_control.hpp"
#include "engine.hpp"
#include "event_log.hpp"
#include "event_server.hpp"
#include "half_channel.hpp"
#include "host_requests.hpp"
#include "log_relay.hpp"
#include "metrics_format.hpp"
#include "metrics_server.hpp"
#include "packet_process.hpp"
#include "packet_service.hpp"
#include "sandbox.hpp"
#include "setup_error.hpp"
#include "status_format.hpp"
#include "status_server.hpp"
#include "uapi_server.hpp"
#include "watch.hpp"

namespace culvert::daemon {
namespace {

constexpr auto kHeartbeat = std::chrono::seconds(5);
constexpr auto kLinkAgain = std::chrono::seconds(5);
constexpr auto kListenAgain = std::chrono::milliseconds(100);

struct Inheritance {
  half::Setup setup;
  io::Tun tun;
  io::UniqueFd uapi, status, events, metrics, capture, host_client;
};

Inheritance receive_setup() {
  if (auto waited = await_half_message(kNewsDescriptor, -1); !waited) throw SetupError("no host half is there");
  auto message = receive_half_message(kNewsDescriptor, half::kMaxDescriptors);
  if (!message || message->size == 0) throw SetupError("the host half sent no set-up");
  const auto setup = half::decode<half::Setup>(message->bytes());
  if (!setup) throw SetupError("the host half sent " + std::string(setup.error()));
  if (message->descriptors.size() != half::descriptors_of(*setup))
    throw SetupError("the host half sent a wrong count of descriptors");

  Inheritance taken{.setup = *setup,
                    .tun = {},
                    .uapi = {},
                    .status = {},
                    .events = {},
                    .metrics = {},
                    .capture = {},
                    .host_client = {}};
  taken.tun.name = half::unpadded(setup->interface);
  taken.tun.offload = static_cast<io::TunOffload>(setup->inside_offload);
  auto next = message->descriptors.begin();
  for (std::size_t i = 0; i < setup->queues; ++i) taken.tun.queues.push_back(std::move(*next++));
  for (std::size_t i = 0; i < half::writers_of(*setup); ++i) taken.tun.writers.push_back(std::move(*next++));
  if ((setup->sockets & half::kSocketUapi) != 0) taken.uapi = std::move(*next++);
  if ((setup->sockets & half::kSocketStatus) != 0) taken.status = std::move(*next++);
  if ((setup->sockets & half::kSocketEvents) != 0) taken.events = std::move(*next++);
  if ((setup->sockets & half::kSocketMetrics) != 0) taken.metrics = std::move(*next++);
  if ((setup->sockets & half::kSocketCapture) != 0) taken.capture = std::move(*next++);
  if ((setup->sockets & half::kSocketPrivate) != 0) taken.host_client = std::move(*next++);
  return taken;
}

const crypto::AeadBackend& start_crypto(const crypto::AeadBackend* given, std::string_view wanted) {
  if (!crypto::initialise()) throw SetupError("the system gives no randomness: cannot make keys");
  if (given != nullptr) return *given;
  const crypto::AeadBackend* chosen = crypto::choose_backend(wanted);
  if (chosen == nullptr) throw SetupError("there is no AEAD of the name " + std::string(wanted));
  return *chosen;
}

engine::EngineOptions engine_options(const half::Setup& setup, const crypto::AeadBackend& aead) {
  const auto as_switch = [](std::uint8_t on) { return on != 0 ? io::Switch::on : io::Switch::off; };
  engine::EngineOptions result;
  result.mtu = setup.mtu;
  result.aead = &aead;
  result.outside.gso = as_switch(setup.gso);
  result.outside.gro = as_switch(setup.gro);
  return result;
}

control::MetricNames metric_names(const half::Setup& setup) noexcept {
  return setup.all_metric_names != 0 ? control::MetricNames::both : control::MetricNames::usual;
}

void tell(half::Notice::Kind kind, std::string_view text = {}, std::uint32_t value = 0) {
  half::Notice notice;
  notice.kind = kind;
  notice.value = value;
  notice.text = half::padded<sizeof notice.text>(text);
  // A host half that does not listen is about to end, or finds out by the missing heartbeat.
  (void)send_half_message(kNewsDescriptor, half::octets_of(notice));
}

class PacketHalf final : public control::DeviceControl {
 public:
  PacketHalf(Inheritance taken, const crypto::AeadBackend& aead, sandbox::Sandbox& sandbox);
  ~PacketHalf() override { server_.close(); }

  void run() {
    if (auto closed = sandbox_.close(); !closed) throw SetupError(closed.error());
    for (const std::string& trouble : sandbox_.troubles()) log_.error("The packet half: {}", trouble);
    for (const std::string& remark : sandbox_.remarks()) log_.verbose("The packet half: {}", remark);
    tell(half::Notice::Kind::ready, {}, static_cast<std::uint32_t>(::getpid()));
    beat();
    context_.run();
  }

  Result<void, control::ControlError> apply(SetRequest&& request) override;
  DeviceSnapshot snapshot() override { return engine_.snapshot(); }

 private:
  void listen();
  void listen_later();
  void take_news();
  void follow(const half::Link& news);
  void publish(const half::Reload& news);
  void set_link(Link link);
  void try_link_later();
  void beat();
  engine::OutsideDoor door();
  engine::EngineHandlers handlers();
  control::CaptureCalls capture_calls();

  sandbox::Sandbox& sandbox_;
  asio::io_context context_{1};
  std::string interface_;
  Log log_;
  HostRequests host_{kRequestsDescriptor};
  std::uint32_t mtu_;
  engine::Engine engine_;
  control::UapiServer server_;
  std::optional<control::StatusServer> status_;
  std::optional<control::EventServer> events_;
  std::optional<control::CaptureServer> capture_;
  std::optional<control::MetricsServer> metrics_;
  std::optional<engine::Watch> news_;
  asio::steady_timer heart_{context_}, again_{context_}, listen_timer_{context_};
  Link link_ = Link::down;         // as the interface is
  Link engine_link_ = Link::down;  // the engine may have failed to follow
};

PacketHalf::PacketHalf(Inheritance taken, const crypto::AeadBackend& aead, sandbox::Sandbox& sandbox)
    : sandbox_(sandbox),
      interface_(taken.tun.name),
      log_(interface_, static_cast<LogLevel>(taken.setup.log_level), make_pipe_sink()),
      mtu_(taken.setup.mtu),
      engine_(context_, std::move(taken.tun), engine_options(taken.setup, aead), door(), handlers()),
      server_(context_, *this, control::UapiSocket::without_file(std::move(taken.uapi)),
              {.trouble =
                   [this](std::string_view text) {
                     log_.limited("uapi", engine::read_monotonic(), LogLevel::error, text);
                   }},
              {.allowed_users = {0, taken.setup.owner},
               .scope_lookup = [this](std::string_view name) { return host_.scope_index(name); }}) {
  listen();
  if (taken.host_client) server_.serve(std::move(taken.host_client));
  if (taken.status)
    status_.emplace(
        context_, control::UapiSocket::without_file(std::move(taken.status)),
        [this] {
          return control::format_status(interface_, engine_.snapshot(), engine_.status(), host_.link_drops(),
                                        sandbox_.level());
        },
        control::Callers{0, taken.setup.owner});
  if (taken.events)
    events_.emplace(context_, control::UapiSocket::without_file(std::move(taken.events)), interface_,
                    control::Callers{0, taken.setup.owner});
  if (taken.capture)
    capture_.emplace(context_, control::UapiSocket::without_file(std::move(taken.capture)), interface_, capture_calls(),
                     control::Callers{0, taken.setup.owner});
  if (taken.metrics)
    metrics_.emplace(context_, std::move(taken.metrics), [this, names = metric_names(taken.setup)] {
      return control::format_metrics(interface_, engine_.snapshot(), engine_.status(), host_.link_drops(), names);
    });
}

engine::OutsideDoor PacketHalf::door() {
  return {.open = [this](const io::UdpOptions& wish) { return host_.open_udp(wish); },
          .mark = [this](std::uint32_t mark) { return host_.set_mark(mark); },
          .thin = [this](const io::Thinning& thinning) { return host_.thin(thinning); },
          .closed = [this] { host_.close_udp(); }};
}

engine::EngineHandlers PacketHalf::handlers() {
  return {.event =
              [this](const Event& event, const Peer* peer) {
                const Now now = engine::read_now();
                log_event(log_, now.mono, event, peer);
                if (events_) events_->tell(now, event, peer);
              },
          .notice =
              [this](const engine::Notice& notice) {
                const Now now = engine::read_now();
                log_notice(log_, now.mono, notice);
                if (events_) events_->tell(now, notice);
                if (notice.kind == engine::Notice::Kind::interface_gone) tell(half::Notice::Kind::interface_gone);
              },
          .captured =
              [this] {
                if (capture_) capture_->captured();
              },
          .secrets =
              [this](const engine::HandshakeSecrets& secrets) {
                if (capture_) capture_->tell(secrets);
              }};
}

control::CaptureCalls PacketHalf::capture_calls() {
  return {
      .start = [this](engine::CaptureWish wish) -> engine::Capture& { return engine_.start_capture(std::move(wish)); },
      .end = [this] { engine_.end_capture(); },
      .peer = [this](PeerId id) { return engine_.peer(id); },
      .snapshot = [this] { return engine_.snapshot(); },
      .note = [this](std::string_view text) { log_.error(text); }};
}

Result<void, control::ControlError> PacketHalf::apply(SetRequest&& request) {
  const std::size_t peers = request.peers.size();
  if (auto applied = engine_.apply(std::move(request)); !applied)
    return Err{control::ControlError{applied.error().code, applied.error().message()}};
  if (events_) events_->tell(engine::read_now(), "set", "peers set: " + std::to_string(peers));
  if (engine_link_ != link_) set_link(link_);  // a port that was taken may be another one now
  return {};
}

void PacketHalf::listen() {
  news_.emplace(context_, kNewsDescriptor, [this] { take_news(); });
}

/// What cannot be read now, for want of memory, is read a moment later.
void PacketHalf::listen_later() {
  news_.reset();
  listen_timer_.expires_after(kListenAgain);
  listen_timer_.async_wait([this](const asio::error_code& error) {
    if (!error) listen();
  });
}

void PacketHalf::take_news() {
  const auto message = receive_half_message(kNewsDescriptor);
  if (!message && message.error() == EAGAIN) return;
  if (tells_end(message)) return context_.stop();
  if (!message) return listen_later();
  if (message->size == sizeof(half::Reload)) {
    const auto reload = half::decode<half::Reload>(message->bytes());
    if (reload) return publish(*reload);
    log_.error("The host half sent {}", reload.error());
    return context_.stop();
  }
  const auto news = half::decode<half::Link>(message->bytes());
  if (news) return follow(*news);
  log_.error("The host half sent {}", news.error());
  context_.stop();
}

void PacketHalf::publish(const half::Reload& news) {
  using Outcome = control::ReloadNews::Outcome;
  if (!events_) return;
  events_->tell(engine::read_now(), control::ReloadNews{.outcome = news.refused != 0 ? Outcome::refused : Outcome::done,
                                                        .peers_added = news.peers_added,
                                                        .peers_removed = news.peers_removed,
                                                        .peers_changed = news.peers_changed,
                                                        .other_keys = news.other_keys,
                                                        .text = half::unpadded(news.text)});
}

void PacketHalf::follow(const half::Link& news) {
  if (half::unpadded(news.interface) != interface_) {
    interface_ = half::unpadded(news.interface);
    log_.rename(interface_);
    if (events_) events_->rename(interface_);
    if (capture_) capture_->rename(interface_);
  }
  if (capture_) capture_->set_key_log(news.key_log != 0 ? control::KeyLog::allowed : control::KeyLog::forbidden);
  if (news.mtu != mtu_) {
    mtu_ = news.mtu;
    engine_.set_mtu(mtu_);
    log_.verbose("MTU updated: {}", mtu_);
  }
  set_link(news.up != 0 ? Link::up : Link::down);
}

void PacketHalf::set_link(Link link) {
  const bool is_news = link != link_;
  link_ = link;
  if (link == engine_link_) return;
  if (auto set = engine_.set_link(link); !set) {
    log_.error("The interface is up, but the tunnel is not: {}; this is tried again", set.error().message());
    return try_link_later();
  }
  engine_link_ = link;
  if (is_news && events_) events_->tell(engine::read_now(), "link", link == Link::up ? "up" : "down");
  if (is_news)
    log_.verbose(link == Link::up ? "Interface state was Down, requested Up, now Up"
                                  : "Interface state was Up, requested Down, now Down");
}

// What was missing may have come back: a port, descriptors, memory.
void PacketHalf::try_link_later() {
  again_.expires_after(kLinkAgain);
  again_.async_wait([this](const asio::error_code& error) {
    if (!error) set_link(link_);
  });
}

void PacketHalf::beat() {
  tell(half::Notice::Kind::heartbeat);
  heart_.expires_after(kHeartbeat);
  heart_.async_wait([this](const asio::error_code& error) {
    if (!error) beat();
  });
}

}  // namespace

int run_packet_half(const crypto::AeadBackend* given) {
  ::prctl(PR_SET_NAME, "culvertd-packet");
  std::signal(SIGPIPE, SIG_IGN);
  try {
    // Of a host half that forked it has its ends already.
    std::optional<int> lifeline;
    if (::sd_listen_fds(1) > 0) {
      const auto taken = take_service_ends();
      if (!taken) throw SetupError(taken.error());
      lifeline = *taken;
    }
    auto sandbox = sandbox::Sandbox::enter();
    if (!sandbox) throw SetupError("the packet half " + sandbox.error());
    if (lifeline) sandbox->hold_on_to(*lifeline);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // after the change of user, which takes it back
    Inheritance taken = receive_setup();
    const crypto::AeadBackend& aead = start_crypto(given, half::unpadded(taken.setup.aead));
    PacketHalf half(std::move(taken), aead, *sandbox);
    half.run();
    return 0;
  } catch (const std::exception& error) {
    tell(half::Notice::Kind::failed, error.what());
    return 1;
  }
}

}  // namespace culvert::daemon
