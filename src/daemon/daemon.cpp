// SPDX-License-Identifier: MIT
// What happens when, in the life of one interface:
//
//   TUN -> control socket -> engine (its lanes run, the link counts as down) -> "exists": the starter may go on
//   link up -> UDP sockets open;  link down -> they close and all sessions are forgotten
//   signal, interface deleted, control socket removed -> everything is taken down in reverse
#include "daemon.hpp"

#include <fcntl.h>
#include <net/if.h>

#include <asio/io_context.hpp>

#include "aead.hpp"
#include "clock.hpp"
#include "device_control.hpp"
#include "engine.hpp"
#include "event_log.hpp"
#include "link_drops.hpp"
#include "link_monitor.hpp"
#include "signals.hpp"
#include "status_format.hpp"
#include "status_server.hpp"
#include "tun_link.hpp"
#include "uapi_server.hpp"

namespace culvert::daemon {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

template <class T, class E>
T require(Result<T, E> result) {
  if (result) return std::move(*result);
  if constexpr (requires { result.error().message(); })
    throw SetupError(result.error().message());
  else
    throw SetupError(result.error().text);
}

const crypto::AeadBackend& start_crypto(const crypto::AeadBackend* given) {
  if (!crypto::initialise()) throw SetupError("the system gives no randomness: cannot make keys");
  return given != nullptr ? *given : *crypto::choose_backend({});
}

io::Tun open_interface(const Options& options) {
  const auto offload = options.offloads.vnet ? io::TunOffload::udp : io::TunOffload::none;
  if (options.tun_fd) {
    std::vector<io::UniqueFd> queues;
    queues.emplace_back(*options.tun_fd);
    return require(io::adopt_tun(std::move(queues), offload));
  }
  io::TunOptions wish;
  wish.name = options.interface;
  wish.queues = options.lanes.value_or(1);
  wish.offload = offload;
  return require(io::open_tun(wish));
}

control::UapiSocket open_control(const Options& options, const std::string& interface) {
  if (options.uapi_fd) return require(control::UapiSocket::adopt(*options.uapi_fd));
  return require(control::UapiSocket::open(control::uapi_socket_path(interface)));
}

engine::EngineOptions engine_options(const Options& options, const crypto::AeadBackend& aead, std::size_t mtu) {
  const auto as_switch = [](bool on) { return on ? io::Switch::on : io::Switch::off; };
  engine::EngineOptions result;
  result.mtu = mtu;
  result.aead = &aead;
  result.outside.gso = as_switch(options.offloads.gso);
  result.outside.gro = as_switch(options.offloads.gro);
  return result;
}

}  // namespace

struct Daemon::State final : control::DeviceControl {
  State(const Options& options, const crypto::AeadBackend* given_aead);
  ~State() override { server.close(); }

  Result<void, control::ControlError> apply(SetRequest&& request) override;
  DeviceSnapshot snapshot() override { return engine.snapshot(); }

  void open_status();
  void on_link(const LinkEvent& event);
  void probe_link();
  void set_link(Link link);
  void set_mtu(std::uint32_t mtu);
  void stop(int code);

  asio::io_context context{1};
  Log log;
  StopSignals signals;  // before the socket, whose answer tells others that they may stop us
  const crypto::AeadBackend& aead;
  io::Tun tun;
  std::string interface;
  io::UniqueFd probe;  // one more hold on the queue, to ask for the link's state wherever it is
  control::UapiSocket socket;
  std::uint32_t mtu;
  engine::Engine engine;
  control::UapiServer server;
  std::optional<control::StatusServer> status;  // the tunnel runs without it as well
  LinkMonitor monitor;
  Link link_state = Link::down;  // as the interface is; the engine may have failed to follow
  Link engine_state = Link::down;
  int exit_code = kExitOk;
};

Daemon::State::State(const Options& options, const crypto::AeadBackend* given_aead)
    : log(options.interface, options.log_level, make_stderr_sink()),
      signals(context, [this](int) { stop(kExitOk); }),
      aead(start_crypto(given_aead)),
      tun(open_interface(options)),
      interface(tun.name),
      probe(::fcntl(tun.queues.front().get(), F_DUPFD_CLOEXEC, 3)),
      socket(open_control(options, interface)),
      mtu(require(io::link_mtu(interface))),
      engine(context, std::move(tun), engine_options(options, aead, mtu),
             [](const io::UdpOptions& wish) { return io::open_outside(wish); },
             {.event = [this](const Event& event,
                              const Peer* peer) { log_event(log, engine::read_monotonic(), event, peer); },
              .notice =
                  [this](const engine::Notice& notice) {
                    log_notice(log, notice);
                    if (notice.kind == engine::Notice::Kind::interface_gone) stop(kExitInterfaceGone);
                  }}),
      server(context, *this, std::move(socket),
             {.socket_gone =
                  [this] {
                    log.verbose("The control socket was removed");
                    stop(kExitOk);
                  },
              .trouble =
                  [this](std::string_view text) {
                    log.limited("uapi", engine::read_monotonic(), LogLevel::error, text);
                  }}),
      monitor([&] {
        auto opened = LinkMonitor::open(
            context, static_cast<int>(::if_nametoindex(interface.c_str())),
            {.event = [this](const LinkEvent& event) { on_link(event); }, .probe = [this] { probe_link(); }});
        if (!opened) throw SetupError("cannot watch the interface: " + std::generic_category().message(opened.error()));
        return std::move(*opened);
      }()) {
  for (const std::string& warning : options.warnings) log.error(warning);
  open_status();
}

void Daemon::State::open_status() {
  auto opened = control::UapiSocket::open(control::status_socket_path(interface));
  if (!opened) return log.error("There will be no status: {}", opened.error().text);
  status.emplace(context, std::move(*opened), [this] {
    return control::format_status(interface, engine.snapshot(), engine.status(), io::link_drops(interface));
  });
}

Result<void, control::ControlError> Daemon::State::apply(SetRequest&& request) {
  if (auto applied = engine.apply(std::move(request)); !applied)
    return Err{control::ControlError{applied.error().code, applied.error().message()}};
  if (engine_state != link_state) set_link(link_state);  // a port that was taken may be another one now
  return {};
}

void Daemon::State::on_link(const LinkEvent& event) {
  std::visit(Overloaded{
                 [this](const link::Up&) { set_link(Link::up); },
                 [this](const link::Down&) { set_link(Link::down); },
                 [this](const link::MtuChanged& changed) { set_mtu(changed.mtu); },
                 [this](const link::Renamed& renamed) {
                   interface = renamed.name;
                   log.rename(interface);
                 },
                 [](const link::Moved&) {},
                 [this](const link::Deleted&) { stop(kExitInterfaceGone); },
             },
             event);
}

void Daemon::State::probe_link() {
  const auto state = io::queue_link_state(probe.get());
  if (state)
    set_link(*state == io::LinkState::up ? Link::up : Link::down);
  else if (state.error().code == EBADFD)
    stop(kExitInterfaceGone);
}

void Daemon::State::set_link(Link link) {
  const bool news = link != link_state;
  link_state = link;
  if (link == engine_state) return;
  if (auto set = engine.set_link(link); !set)
    return log.error("The interface is up, but the tunnel is not: {}", set.error().message());
  engine_state = link;
  if (news)
    log.verbose(link == Link::up ? "Interface state was Down, requested Up, now Up"
                                 : "Interface state was Up, requested Down, now Down");
}

void Daemon::State::set_mtu(std::uint32_t value) {
  if (value == mtu) return;
  mtu = value;
  engine.set_mtu(value);
  log.verbose("MTU updated: {}", value);
}

void Daemon::State::stop(int code) {
  exit_code = code;
  context.stop();
}

Daemon::Daemon(const Options& options, const crypto::AeadBackend* aead)
    : state_(std::make_unique<State>(options, aead)) {}
Daemon::~Daemon() = default;

void Daemon::log_to_system() { state_->log.redirect(make_syslog_sink()); }

int Daemon::run() {
  state_->context.run();
  return state_->exit_code;
}

}  // namespace culvert::daemon
