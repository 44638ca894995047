// SPDX-License-Identifier: MIT
// What happens when, in the life of an interface that obeys `wg`:
//
//   TUN -> control socket -> packet half (gets both, and says "ready") -> "exists": the starter may go on
//   link up, down, renamed, another MTU -> the packet half is told, and asks for UDP sockets or closes them
//   signal, interface deleted, control socket removed, packet half dead -> everything is taken down in reverse
#include "host_half.hpp"

#include <asio/io_context.hpp>

#include "capture_words.hpp"
#include "event_server.hpp"
#include "host_bounds.hpp"
#include "host_interface.hpp"
#include "metrics_listen.hpp"
#include "signals.hpp"
#include "socket_watch.hpp"
#include "status_server.hpp"
#include "uapi_socket.hpp"

namespace culvert::daemon {
namespace {

InterfaceWish wish_of(const Options& options) {
  return {.name = options.interface,
          .tun_fd = options.tun_fd,
          .lanes = options.lanes.value_or(1),
          .offloads = options.offloads,
          .log_level = options.log_level,
          .aead = {},
          .all_metric_names = options.all_metric_names,
          .packet_socket = options.packet_socket};
}

control::UapiSocket open_control(const Options& options, const std::string& interface) {
  if (options.uapi_fd) return require(control::UapiSocket::adopt(*options.uapi_fd));
  return require(control::UapiSocket::open(control::uapi_socket_path(interface)));
}

}  // namespace

struct HostHalf::State {
  explicit State(const Options& options);

  void open_status();
  void open_metrics(const Options& options);
  void stop(int code) {
    exit_code = code;
    context.stop();
  }

  asio::io_context context{1};
  Log log;
  StopSignals signals;  // before the socket, whose answer tells others that they may stop us
  HostInterface interface;
  control::UapiSocket socket;
  std::optional<control::UapiSocket> status, events, capture, metrics;  // the tunnel runs without them as well
  std::optional<control::SocketWatch> socket_watch;
  int exit_code = kExitOk;
};

HostHalf::State::State(const Options& options)
    : log(options.interface, options.log_level, make_stderr_sink()),
      signals(context, [this](int) { stop(kExitOk); }),
      interface(context, log, wish_of(options),
                {.gone = [this] { stop(kExitInterfaceGone); },
                 .lost =
                     [this](std::string_view why) {
                       log.error("The tunnel ends, for the packet half {}", why);
                       stop(kExitPacketHalfDied);
                     },
                 .came_up = {},
                 .strayed = {}}),
      socket(open_control(options, interface.name())) {
  for (const std::string& warning : options.warnings) log.error(warning);
  sandbox::hide_memory();
  for (const std::string& note : sandbox::bound_host_half()) log.verbose("The host half: {}", note);
  open_status();
  open_metrics(options);
  const auto fd_of = [](const std::optional<control::UapiSocket>& one) { return one ? one->fd() : -1; };
  interface.start_packet_half({.uapi = socket.fd(),
                               .status = fd_of(status),
                               .events = fd_of(events),
                               .metrics = fd_of(metrics),
                               .capture = fd_of(capture)});
  socket_watch.emplace(context, socket, [this] {
    log.verbose("The control socket was removed");
    stop(kExitOk);
  });
  interface.watch_link();
}

void HostHalf::State::open_status() {
  auto opened = control::UapiSocket::open(control::status_socket_path(interface.name()));
  if (!opened) return log.error("There will be no status: {}", opened.error().text);
  status.emplace(std::move(*opened));
  auto stream = control::UapiSocket::open(control::events_socket_path(interface.name()));
  if (!stream) return log.error("There will be no events: {}", stream.error().text);
  events.emplace(std::move(*stream));
  auto taps = control::UapiSocket::open(control::capture_socket_path(interface.name()));
  if (!taps) return log.error("There will be no captures: {}", taps.error().text);
  capture.emplace(std::move(*taps));
}

void HostHalf::State::open_metrics(const Options& options) {
  if (options.metrics_listen.empty()) return;
  auto opened = control::open_metrics_listener(options.metrics_listen);
  if (!opened) return log.error("There will be no metrics: {}", opened.error());
  metrics.emplace(std::move(*opened));
}

HostHalf::HostHalf(const Options& options) : state_(std::make_unique<State>(options)) {}

HostHalf::~HostHalf() {
  // The files first, so that nobody connects to what is about to end.
  state_->socket_watch.reset();
  state_->socket.close();
  state_->status.reset();
  state_->events.reset();
  state_->capture.reset();
  state_->metrics.reset();
  state_->interface.keeper().end();
}

void HostHalf::log_to_system() { state_->log.redirect(make_syslog_sink()); }

int HostHalf::run() {
  state_->context.run();
  return state_->exit_code;
}

}  // namespace culvert::daemon
