// SPDX-License-Identifier: MIT
#include "host_interface.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <string>
#include <system_error>

#include "overloaded.hpp"
#include "tun_link.hpp"

namespace culvert::daemon {
namespace {

io::Switch as_switch(bool on) noexcept { return on ? io::Switch::on : io::Switch::off; }

io::Tun open_queues(const InterfaceWish& wish) {
  const auto offload = wish.offloads.vnet ? io::TunOffload::udp : io::TunOffload::none;
  if (wish.tun_fd) return require(io::adopt_tun(io::UniqueFd(*wish.tun_fd), offload));
  io::TunOptions options;
  options.name = wish.name;
  options.queues = wish.lanes;
  options.offload = offload;
  return require(io::open_tun(options));
}

RequestPolicy policy_of(const InterfaceWish& wish, std::size_t queues) {
  return {.lanes = queues,
          .gso = as_switch(wish.offloads.gso),
          .gro = as_switch(wish.offloads.gro),
          .port = std::nullopt,
          .mark = std::nullopt};
}

/// They are the same open files in each packet half, and the one before may have changed what all of them share.
void keep_from_blocking(std::span<const int> descriptors) {
  for (const int fd : descriptors)
    if (const int flags = ::fcntl(fd, F_GETFL); flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
      throw SetupError(std::string("cannot set a descriptor to non-blocking: ") +
                       std::generic_category().message(errno));
}

}  // namespace

HostInterface::HostInterface(asio::io_context& context, Log& log, const InterfaceWish& wish, InterfaceHandlers handlers)
    : context_(context),
      log_(log),
      wish_(wish),
      handlers_(std::move(handlers)),
      tun_(open_queues(wish)),
      name_(tun_.name),
      keeper_(context, log, name_, wish_.packet_socket, policy_of(wish, tun_.queues.size()),
              {.lost = [this](std::string_view why) { handlers_.lost(why); },
               .interface_gone = [this] { handlers_.gone(); }}) {
  if (wish_.lanes > 1 && tun_.queues.size() == 1)
    log_.error("{} lanes were asked for, one will run: {}", wish_.lanes,
               wish_.tun_fd ? "there is one inherited queue" : tun_.note);
  else if (!tun_.note.empty())
    log_.verbose("The interface does without: {}", tun_.note);
  link_.mtu = require(io::link_mtu(name_));
  link_.interface = half::padded<sizeof link_.interface>(name_);
}

void HostInterface::start_packet_half(const ServedSockets& sockets) {
  half::Setup setup;
  setup.queues = static_cast<std::uint8_t>(tun_.queues.size());
  setup.inside_offload = static_cast<std::uint8_t>(tun_.offload);
  setup.gso = wish_.offloads.gso ? 1 : 0;
  setup.gro = wish_.offloads.gro ? 1 : 0;
  setup.log_level = static_cast<std::uint8_t>(wish_.log_level);
  setup.all_metric_names = wish_.all_metric_names ? 1 : 0;
  setup.mtu = link_.mtu;
  setup.owner = ::geteuid();
  setup.interface = link_.interface;
  setup.aead = half::padded<sizeof setup.aead>(wish_.aead);

  std::vector<int> descriptors;
  for (const io::UniqueFd& queue : tun_.queues) descriptors.push_back(queue.get());
  for (const io::UniqueFd& writer : tun_.writers) descriptors.push_back(writer.get());
  const auto add = [&](std::uint8_t bit, int socket) {
    if (socket < 0) return;
    setup.sockets |= bit;
    descriptors.push_back(socket);
  };
  add(half::kSocketUapi, sockets.uapi);
  add(half::kSocketStatus, sockets.status);
  add(half::kSocketEvents, sockets.events);
  add(half::kSocketMetrics, sockets.metrics);
  add(half::kSocketCapture, sockets.capture);
  keep_from_blocking(descriptors);
  if (sockets.client == ServedSockets::Private::with) setup.sockets |= half::kSocketPrivate;
  keeper_.start(setup, std::move(descriptors));
}

void HostInterface::set_key_log(io::Switch key_log) {
  link_.key_log = key_log == io::Switch::on ? 1 : 0;
  tell_link();
}

void HostInterface::tell_link() {
  if (monitor_) keeper_.tell(link_);
}

void HostInterface::watch_link() {
  auto opened = LinkMonitor::open(
      context_, static_cast<int>(::if_nametoindex(name_.c_str())),
      {.event = [this](const LinkEvent& event) { on_link(event); }, .probe = [this] { probe_link(); }});
  if (!opened) throw SetupError("cannot watch the interface: " + std::generic_category().message(opened.error()));
  monitor_.emplace(std::move(*opened));
}

void HostInterface::on_link(const LinkEvent& event) {
  const bool was_up = link_.up != 0;
  bool gone = false;
  std::string strayed;
  std::visit(Overloaded{
                 [this](const link::Up&) { link_.up = 1; },
                 [this](const link::Down&) { link_.up = 0; },
                 [this](const link::MtuChanged& changed) { link_.mtu = changed.mtu; },
                 [&](const link::Renamed& renamed) {
                   strayed = "has the name " + renamed.name + " now";
                   name_ = renamed.name;
                   log_.rename(name_);
                   link_.interface = half::padded<sizeof link_.interface>(name_);
                 },
                 [&](const link::Moved&) { strayed = "is in another network namespace now"; },
                 [&gone](const link::Deleted&) { gone = true; },
             },
             event);
  if (gone) return handlers_.gone();
  keeper_.tell(link_);
  if (!was_up && link_.up != 0 && handlers_.came_up) handlers_.came_up();
  if (!strayed.empty() && handlers_.strayed) handlers_.strayed(strayed);
}

void HostInterface::probe_link() {
  const auto state = io::queue_link_state(tun_.queues.front().get());
  if (!state && state.error().code == EBADFD) return handlers_.gone();
  if (!state) return;
  link_.up = *state == io::LinkState::up ? 1 : 0;
  keeper_.tell(link_);
}

}  // namespace culvert::daemon
