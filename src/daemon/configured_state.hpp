// SPDX-License-Identifier: MIT
// What is behind `ConfiguredHalf`. configured_half.cpp is its life: up, the loop, down; configured_reload.cpp follows
// the file; configured_upkeep.cpp is what happens by itself: time passes, names resolve, the host changes, the packet
// half dies.
//
// Whatever takes long (a hook, a reload) is a job that the loop runs between two waits, never a handler: so a job may
// wait by `pump`, in which the packet half's requests are answered as always.
#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "apply.hpp"
#include "config.hpp"
#include "configured_half.hpp"
#include "device_text.hpp"
#include "difference.hpp"
#include "endpoint_book.hpp"
#include "endpoint_trial.hpp"
#include "event_hooks.hpp"
#include "host_changes.hpp"
#include "host_interface.hpp"
#include "host_server.hpp"
#include "log.hpp"
#include "resolve.hpp"
#include "signals.hpp"
#include "socket_watch.hpp"
#include "system_hands.hpp"
#include "traffic_book.hpp"
#include "uapi_socket.hpp"
#include "uapi_text.hpp"
#include "watch.hpp"

namespace culvert::daemon {

struct ConfiguredHalf::State {
  using Clock = std::chrono::steady_clock;

  explicit State(const Options& options);

  // configured_half.cpp
  void bound();
  void take_places();
  void set_up();
  void take_back() noexcept;
  void open_interface();
  void await_sockets();
  void configure_packet_half();
  void run_hooks(const std::vector<std::string>& commands, std::string_view when);
  void loop();
  [[nodiscard]] bool guard_stays() const;
  int shut_down();
  void save_config();
  void stop(int code);
  bool pump();
  void later(std::function<void()> job) { jobs.push_back(std::move(job)); }

  // configured_reload.cpp
  void on_request(const control::HostRequest& request, HostServer::Reply reply);
  [[nodiscard]] control::HostAnswer reload();
  [[nodiscard]] control::HostAnswer preview();
  void tell_of_reload(const std::vector<config::Difference>& differences, const control::HostAnswer& answer);
  [[nodiscard]] control::HostAnswer status();
  [[nodiscard]] std::optional<std::string> switch_to(config::Config&& next);
  [[nodiscard]] Result<void, host::Failure> change_host(const host::Plan& next);
  [[nodiscard]] RequestPolicy policy_for(const config::Config& wanted);
  [[nodiscard]] std::optional<std::string> tell_packet_half(const control::SecretText& operation);
  [[nodiscard]] config::UapiContext context_now() const;

  // configured_upkeep.cpp
  void watch_host();
  void ask_for_names();
  void take_answers();
  void tick();
  void expire_peers();
  void move_endpoints();
  void try_next(const PeerText& peer);
  void follow_host();
  void tell_of_other_paths();
  void reassert();
  void revive(std::string_view why);
  void note_all();
  void hook_events();
  void move_to_chosen();
  void load_traffic();
  void account();
  [[nodiscard]] std::optional<DeviceText> ask_packet_half();
  void await_reload_signal();
  [[nodiscard]] control::HostAnswer open_portal(unsigned minutes);
  [[nodiscard]] host::OutsideServers outside_servers() const;

  Options options;
  config::Config config;
  std::vector<config::Finding> warnings;

  asio::io_context context{1};
  Log log;
  StopSignals signals;
  std::deque<std::function<void()>> jobs;
  std::optional<int> exit_code;  // set: it is about to end
  bool interrupted = false;      // while it is being set up

  std::optional<control::UapiSocket> host_socket, uapi, status_socket, events, capture, metrics;
  host::SystemHands hands;
  std::optional<host::HostSetup> setup;
  bool guarded_before = false;  // a kill switch stood when we came
  host::Plan plan;
  std::vector<host::PathFact> paths;  // to the endpoints, when the host was looked at last
  EndpointBook book;
  std::optional<host::Resolver> resolver;
  std::map<std::uint64_t, config::HostPort> questions;
  std::uint64_t next_question = 1;
  unsigned resolve_tries = 0;
  Clock::time_point ask_again_at = Clock::time_point::max();
  config::UapiContext told;  // what the packet half knows of time and places

  std::optional<HostInterface> interface;
  std::optional<control::SocketWatch> socket_watch;
  std::optional<HostServer> server;
  std::optional<HostChanges> changes;
  std::optional<EventHooks> event_hooks;
  std::optional<engine::Watch> answers;
  std::optional<asio::signal_set> reload_signal;
  asio::steady_timer timer{context};
  asio::steady_timer revive_timer{context};

  std::map<PublicKey, EndpointTrial> trials;
  std::optional<TrafficBook> traffic;
  Clock::time_point account_at{};
  bool totals_unsaved = false;  // what was counted is not in the file, and that was said
  Clock::time_point started = Clock::now();
  unsigned restarts = 0;
  HostServer::Reply down_reply;
};

/// Seconds since 1970, as the configuration's dates count.
[[nodiscard]] UnixTime wall_clock() noexcept;

/// "/var/lib/culvert/NAME.journal".
[[nodiscard]] std::string journal_path(const std::string& interface);
/// "/var/lib/culvert/NAME.totals".
[[nodiscard]] std::string totals_path(const std::string& interface);

}  // namespace culvert::daemon
