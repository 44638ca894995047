// SPDX-License-Identifier: MIT
// What happens when, in the life of one interface:
//
//   TUN -> control socket -> packet half (gets both, and says "ready") -> "exists": the starter may go on
//   link up, down, renamed, another MTU -> the packet half is told, and asks for UDP sockets or closes them
//   signal, interface deleted, control socket removed, packet half dead -> everything is taken down in reverse
#include "host_half.hpp"

#include <net/if.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "event_server.hpp"
#include "half_channel.hpp"
#include "link_monitor.hpp"
#include "log_relay.hpp"
#include "metrics_listen.hpp"
#include "packet_process.hpp"
#include "request_server.hpp"
#include "signals.hpp"
#include "socket_watch.hpp"
#include "status_server.hpp"
#include "tun.hpp"
#include "tun_link.hpp"
#include "uapi_socket.hpp"
#include "watch.hpp"

namespace culvert::daemon {
namespace {

using namespace std::chrono_literals;

constexpr int kReadyMs = 60'000;    // for the packet half to get ready, on the slowest machine
constexpr auto kEnd = 2s;           // for it to end by itself
constexpr auto kTellAgain = 100ms;  // when it leaves its news unread

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

template <class T, class E>
T require(Result<T, E> result) {
  if (result) return std::move(*result);
  if constexpr (std::is_same_v<E, std::string>)
    throw SetupError(result.error());
  else if constexpr (requires { result.error().message(); })
    throw SetupError(result.error().message());
  else
    throw SetupError(result.error().text);
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

RequestPolicy policy_of(const Options& options, const io::Tun& tun) {
  const auto as_switch = [](bool on) { return on ? io::Switch::on : io::Switch::off; };
  return {.lanes = tun.queues.size(),
          .gso = as_switch(options.offloads.gso),
          .gro = as_switch(options.offloads.gro),
          .port = std::nullopt,
          .mark = std::nullopt};
}

}  // namespace

struct HostHalf::State {
  explicit State(const Options& options);

  void open_status();
  void open_metrics(const Options& options);
  void send_setup(const Options& options);
  void await_ready();
  void answer_request();
  void take_notice();
  void on_link(const LinkEvent& event);
  void probe_link();
  void tell_link();
  void lose_packet_half(std::string_view why);
  void stop(int code);

  asio::io_context context{1};
  Log log;
  StopSignals signals;  // before the socket, whose answer tells others that they may stop us
  io::Tun tun;          // the queues stay open here as well: to ask for the link's state wherever it is
  std::string interface;
  control::UapiSocket socket;
  std::optional<control::UapiSocket> status, events, metrics;  // the tunnel runs without them as well
  std::uint32_t mtu;
  RequestServer requests;
  PacketProcess packet;
  LogRelay relay;
  half::Link link;
  asio::steady_timer tell_timer{context};
  std::optional<engine::Watch> news_watch, request_watch, log_watch;
  std::optional<control::SocketWatch> socket_watch;
  std::optional<LinkMonitor> monitor;
  int exit_code = kExitOk;
};

HostHalf::State::State(const Options& options)
    : log(options.interface, options.log_level, make_stderr_sink()),
      signals(context, [this](int) { stop(kExitOk); }),
      tun(open_interface(options)),
      interface(tun.name),
      socket(open_control(options, interface)),
      mtu(require(io::link_mtu(interface))),
      requests(policy_of(options, tun), system_request_calls(interface)),
      packet(require(PacketProcess::start(interface))),
      relay(log) {
  for (const std::string& warning : options.warnings) log.error(warning);
  open_status();
  open_metrics(options);
  send_setup(options);
  await_ready();
  news_watch.emplace(context, packet.news(), [this] { take_notice(); });
  request_watch.emplace(context, packet.requests(), [this] { answer_request(); });
  log_watch.emplace(context, packet.log(), [this] { relay.drain(packet.log()); });
  socket_watch.emplace(context, socket, [this] {
    log.verbose("The control socket was removed");
    stop(kExitOk);
  });
  auto opened = LinkMonitor::open(
      context, static_cast<int>(::if_nametoindex(interface.c_str())),
      {.event = [this](const LinkEvent& event) { on_link(event); }, .probe = [this] { probe_link(); }});
  if (!opened) throw SetupError("cannot watch the interface: " + std::generic_category().message(opened.error()));
  monitor.emplace(std::move(*opened));
}

void HostHalf::State::open_status() {
  auto opened = control::UapiSocket::open(control::status_socket_path(interface));
  if (!opened) return log.error("There will be no status: {}", opened.error().text);
  status.emplace(std::move(*opened));
  auto stream = control::UapiSocket::open(control::events_socket_path(interface));
  if (!stream) return log.error("There will be no events: {}", stream.error().text);
  events.emplace(std::move(*stream));
}

void HostHalf::State::open_metrics(const Options& options) {
  if (options.metrics_listen.empty()) return;
  auto opened = control::open_metrics_listener(options.metrics_listen);
  if (!opened) return log.error("There will be no metrics: {}", opened.error());
  metrics.emplace(std::move(*opened));
}

void HostHalf::State::send_setup(const Options& options) {
  half::Setup setup;
  setup.queues = static_cast<std::uint8_t>(tun.queues.size());
  setup.inside_offload = static_cast<std::uint8_t>(tun.offload);
  setup.gso = options.offloads.gso ? 1 : 0;
  setup.gro = options.offloads.gro ? 1 : 0;
  setup.log_level = static_cast<std::uint8_t>(options.log_level);
  setup.sockets = half::kSocketUapi;
  setup.all_metric_names = options.all_metric_names ? 1 : 0;
  setup.mtu = mtu;
  setup.owner = ::geteuid();
  setup.interface = link.interface = half::padded<sizeof setup.interface>(interface);
  link.mtu = mtu;

  std::vector<int> descriptors;
  for (const io::UniqueFd& queue : tun.queues) descriptors.push_back(queue.get());
  descriptors.push_back(socket.fd());
  if (status) {
    setup.sockets |= half::kSocketStatus;
    descriptors.push_back(status->fd());
  }
  if (events) {
    setup.sockets |= half::kSocketEvents;
    descriptors.push_back(events->fd());
  }
  if (metrics) {
    setup.sockets |= half::kSocketMetrics;
    descriptors.push_back(metrics->fd());
  }
  if (auto sent = send_half_message(packet.news(), half::octets_of(setup), descriptors); !sent)
    throw SetupError("the packet half takes no set-up: " + std::generic_category().message(sent.error()));
}

void HostHalf::State::await_ready() {
  const auto waited = await_half_message(packet.news(), kReadyMs);
  const auto message = waited ? receive_half_message(packet.news()) : Err{waited.error()};
  relay.drain(packet.log());
  if (!message) throw SetupError("the packet half does not get ready; " + packet.end(0s));
  if (message->size == 0) throw SetupError("the packet half died at its start: " + packet.end(kEnd));
  const auto notice = half::decode<half::Notice>(message->bytes());
  if (!notice) throw SetupError("the packet half sent " + std::string(notice.error()));
  if (notice->kind == half::Notice::Kind::failed) throw SetupError(std::string(half::unpadded(notice->text)));
  if (notice->kind != half::Notice::Kind::ready) throw SetupError("the packet half speaks before it is ready");
}

void HostHalf::State::answer_request() {
  const auto message = receive_half_message(packet.requests());
  if (!message && message.error() == EAGAIN) return;
  if (!message || message->size == 0) return request_watch.reset();  // the news pair tells of its end
  const auto request = half::decode<half::Request>(message->bytes());
  if (!request) return lose_packet_half(request.error());
  const RequestServer::Answer answer = requests.answer(*request);
  if (auto sent = send_half_message(packet.requests(), half::octets_of(answer.reply), answer.descriptors); !sent)
    log.error("The packet half takes no answer: {}", std::generic_category().message(sent.error()));
}

void HostHalf::State::take_notice() {
  const auto message = receive_half_message(packet.news());
  if (!message && message.error() == EAGAIN) return;
  if (!message || message->size == 0) return lose_packet_half({});
  const auto notice = half::decode<half::Notice>(message->bytes());
  if (!notice) return lose_packet_half(notice.error());
  switch (notice->kind) {
    case half::Notice::Kind::ready:
    case half::Notice::Kind::failed:
      return lose_packet_half("a word of its start in the middle of its life");
    case half::Notice::Kind::interface_gone:
      return stop(kExitInterfaceGone);
    case half::Notice::Kind::heartbeat:
      return;
  }
}

/// \param why  what it sent that it must not; empty: it is gone by itself.
void HostHalf::State::lose_packet_half(std::string_view why) {
  news_watch.reset();
  request_watch.reset();
  log_watch.reset();
  const std::string end = packet.end(why.empty() ? kEnd : 0s);
  relay.drain(packet.log());
  relay.finish();
  if (why.empty())
    log.error("The packet half died, and the tunnel ends with it: {}", end);
  else
    log.error("The packet half sent {}: the tunnel ends", why);
  stop(kExitPacketHalfDied);
}

void HostHalf::State::on_link(const LinkEvent& event) {
  std::visit(Overloaded{
                 [this](const link::Up&) { link.up = 1; },
                 [this](const link::Down&) { link.up = 0; },
                 [this](const link::MtuChanged& changed) { link.mtu = changed.mtu; },
                 [this](const link::Renamed& renamed) {
                   interface = renamed.name;
                   log.rename(interface);
                   link.interface = half::padded<sizeof link.interface>(interface);
                 },
                 [](const link::Moved&) {},
                 [this](const link::Deleted&) { stop(kExitInterfaceGone); },
             },
             event);
  tell_link();
}

void HostHalf::State::probe_link() {
  const auto state = io::queue_link_state(tun.queues.front().get());
  if (!state && state.error().code == EBADFD) return stop(kExitInterfaceGone);
  if (!state) return;
  link.up = *state == io::LinkState::up ? 1 : 0;
  tell_link();
}

void HostHalf::State::tell_link() {
  tell_timer.cancel();
  const auto sent = send_half_message(packet.news(), half::octets_of(link));
  // Of its end we hear elsewhere; anything else passes.
  if (sent || sent.error() == EPIPE || sent.error() == ECONNRESET) return;
  tell_timer.expires_after(kTellAgain);
  tell_timer.async_wait([this](const asio::error_code& error) {
    if (!error) tell_link();
  });
}

void HostHalf::State::stop(int code) {
  exit_code = code;
  context.stop();
}

HostHalf::HostHalf(const Options& options) : state_(std::make_unique<State>(options)) {}

HostHalf::~HostHalf() {
  // The file first, so that nobody connects to what is about to end.
  state_->socket_watch.reset();
  state_->socket.close();
  state_->status.reset();
  state_->events.reset();
  state_->metrics.reset();
  state_->news_watch.reset();
  state_->request_watch.reset();
  state_->log_watch.reset();
  state_->packet.end(kEnd);
  state_->relay.drain(state_->packet.log());
  state_->relay.finish();
}

void HostHalf::log_to_system() { state_->log.redirect(make_syslog_sink()); }

int HostHalf::run() {
  state_->context.run();
  return state_->exit_code;
}

}  // namespace culvert::daemon
