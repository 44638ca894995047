// SPDX-License-Identifier: MIT
// Up, in this order, and each step that fails undoes those before it:
//
//   file -> sockets (whose names are the lock: a second start ends here) -> journal repaired -> names of endpoints
//   -> plan -> firewall -> queues, PreUp, packet half, its configuration -> addresses, rules, routes, DNS -> PostUp
//
// Down is the reverse.
#include "configured_half.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

#include "capture_words.hpp"
#include "configured_state.hpp"
#include "event_server.hpp"
#include "guard.hpp"
#include "hook.hpp"
#include "host_bounds.hpp"
#include "load.hpp"
#include "metrics_listen.hpp"
#include "notify.hpp"
#include "private_file.hpp"
#include "status_server.hpp"
#include "wg_quick_write.hpp"

namespace culvert::daemon {
namespace {

using namespace std::chrono_literals;

constexpr const char* kStateFolder = "/var/lib/culvert";
constexpr auto kPump = 20ms;
constexpr auto kNamesAtStart = 10s;  // then it goes up without them, and goes on asking
constexpr auto kPortAtStart = 10s;
constexpr auto kLastAnswer = 1s;  // for the answer to `down` to leave

std::string all_lines(const std::vector<config::Finding>& findings) {
  std::string text;
  for (const config::Finding& finding : findings) text += (text.empty() ? "" : "\n") + finding.message();
  return text;
}

config::Loaded load_file(const Options& options) {
  auto loaded = config::load(options.config);
  if (!loaded) throw SetupError("the configuration cannot be used\n" + all_lines(loaded.error()));
  loaded->config.name = options.interface;
  return std::move(*loaded);
}

void make_state_folder() {
  if (::mkdir(kStateFolder, 0700) != 0 && errno != EEXIST)
    throw SetupError(std::string("make the folder ") + kStateFolder + ": " + std::generic_category().message(errno));
}

host::HostSetup open_journal(host::Hands& hands, const std::string& interface) {
  make_state_folder();
  return require(host::HostSetup::open(hands, journal_path(interface)));
}

/// Takes the place of each, which removes the file; that of a process which is alive stays.
void remove_dead_sockets(const std::string& interface) {
  for (const std::string& path : {control::uapi_socket_path(interface), control::status_socket_path(interface),
                                  control::events_socket_path(interface), control::capture_socket_path(interface)}) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) (void)control::UapiSocket::open(path);
  }
}

}  // namespace

UnixTime wall_clock() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {now.tv_sec, static_cast<std::uint32_t>(now.tv_nsec)};
}

std::string journal_path(const std::string& interface) { return fmt::format("{}/{}.journal", kStateFolder, interface); }

std::string totals_path(const std::string& interface) { return fmt::format("{}/{}.totals", kStateFolder, interface); }

ConfiguredHalf::State::State(const Options& given)
    : options(given), log(given.interface, given.log_level, make_stderr_sink()), signals(context, [this](int) {
        interrupted = true;
        stop(kExitOk);
      }) {
  std::signal(SIGHUP, SIG_IGN);  // until there is something to reload
  sandbox::hide_memory();
  config::Loaded loaded = load_file(options);
  config = std::move(loaded.config);
  bound();
  warnings = std::move(loaded.warnings);
  for (const std::string& warning : options.warnings) log.error(warning);
  for (const config::Finding& finding : warnings) log.error(finding.message());
  take_places();
  try {
    set_up();
  } catch (...) {
    take_back();
    throw;
  }
}

/// Commands of the configuration may need anything; without them it is known what is needed. Those that a reload brings
/// run within these bounds.
void ConfiguredHalf::State::bound() {
  const config::HookConfig& hooks = config.hooks;
  if (!hooks.pre_up.empty() || !hooks.post_up.empty() || !hooks.pre_down.empty() || !hooks.post_down.empty() ||
      !config.observe.event_hooks.empty())
    return;
  for (const std::string& note : sandbox::bound_host_half()) log.verbose("The host half: {}", note);
}

/// The sockets. Whoever has them has the interface; until here nothing was touched.
void ConfiguredHalf::State::take_places() {
  const auto open = [](std::string path) { return require(control::UapiSocket::open(std::move(path))); };
  host_socket.emplace(open(control::host_socket_path(config.name)));
  uapi.emplace(open(control::uapi_socket_path(config.name)));
  status_socket.emplace(open(control::status_socket_path(config.name)));
  events.emplace(open(control::events_socket_path(config.name)));
  capture.emplace(open(control::capture_socket_path(config.name)));
  if (config.observe.metrics_listen.empty()) return;
  auto listener = control::open_metrics_listener(config.observe.metrics_listen);
  if (!listener) throw SetupError("metrics: " + listener.error());
  metrics.emplace(std::move(*listener));
}

void ConfiguredHalf::State::set_up() {
  setup.emplace(open_journal(hands, config.name));
  // Asked before anything can fail: a repair that ends half-way is a start that failed as well.
  guarded_before = setup->has_guard() || host::guard_state(config.name) == host::GuardState::raised;
  require(setup->repair(host::Guard::keep));
  load_traffic();

  resolver.emplace();
  answers.emplace(context, resolver->ready(), [this] { take_answers(); });
  book.follow(config);
  ask_for_names();
  for (const auto give_up = Clock::now() + kNamesAtStart; !questions.empty() && Clock::now() < give_up;)
    if (!pump()) throw SetupError("interrupted");
  for (const config::HostPort& name : book.unanswered())
    log.error("The endpoint {} has no address yet; going on, and asking again", to_string(name));

  const auto places = book.addresses();
  const auto facts = require(host::read_facts(places, 0));
  plan = host::make_plan(config, config.name, require(setup->choose(config, config.name, facts)), facts);
  paths = facts.paths;
  require(setup->guard(plan));
  open_interface();
  run_hooks(config.hooks.pre_up, "PreUp");
  configure_packet_half();
  interface->watch_link();
  require(setup->apply(plan));
  note_all();
  await_sockets();
  run_hooks(config.hooks.post_up, "PostUp");
  socket_watch.emplace(context, *uapi, [this] {
    log.verbose("The control socket was removed");
    stop(kExitOk);
  });
  server.emplace(context, *host_socket, [this](const control::HostRequest& request, HostServer::Reply reply) {
    on_request(request, std::move(reply));
  });
  watch_host();
  hook_events();
  if (interrupted) throw SetupError("interrupted");
}

/// The packet half has heard that the link is up, and has its port.
void ConfiguredHalf::State::await_sockets() {
  RequestServer& requests = interface->keeper().requests();
  for (const auto give_up = Clock::now() + kPortAtStart; !requests.holds_sockets();) {
    if (!requests.last_refusal().empty()) throw SetupError(requests.last_refusal());
    if (Clock::now() > give_up) throw SetupError("the packet half does not open its port");
    if (!pump()) throw SetupError("interrupted");
  }
}

/// Of a start that failed. A kill switch that stood before stays.
void ConfiguredHalf::State::take_back() noexcept {
  try {
    if (interface) interface->keeper().end();
    if (!setup) return;
    const auto undone = guarded_before ? setup->repair(host::Guard::keep) : setup->undo();
    if (!undone) log.error("Not all could be undone: {}", undone.error().message());
  } catch (const std::exception& error) {
    log.error("Not all could be undone: {}", error.what());
  }
}

void ConfiguredHalf::State::open_interface() {
  InterfaceWish wish{.name = config.name,
                     .tun_fd = options.tun_fd,
                     .lanes = config.lanes.value_or(options.lanes.value_or(1)),
                     .offloads = {.vnet = config.offloads.vnet && options.offloads.vnet,
                                  .gso = config.offloads.gso && options.offloads.gso,
                                  .gro = config.offloads.gro && options.offloads.gro},
                     .log_level = options.log_level,
                     .aead = config.aead,
                     .all_metric_names = config.observe.metrics_compatible_names,
                     .packet_socket = options.packet_socket};
  interface.emplace(
      context, log, wish,
      InterfaceHandlers{
          .gone = [this] { stop(kExitInterfaceGone); },
          .lost = [this](std::string_view why) { later([this, reason = std::string(why)] { revive(reason); }); },
          // A link that went down took its routes along.
          .came_up =
              [this] {
                if (server) later([this] { reassert(); });
              },
          // Addresses, routes and firewall are those of a name and of a namespace.
          .strayed =
              [this](std::string_view how) {
                log.error("The interface {}, where its configuration does not hold: the tunnel ends", how);
                stop(kExitInterfaceGone);
              }});
  interface->set_key_log(config.observe.key_log ? io::Switch::on : io::Switch::off);
}

void ConfiguredHalf::State::configure_packet_half() {
  const auto fd_of = [](const std::optional<control::UapiSocket>& one) { return one ? one->fd() : -1; };
  interface->keeper().requests().set_policy(policy_for(config));
  interface->start_packet_half({.uapi = fd_of(uapi),
                                .status = fd_of(status_socket),
                                .events = fd_of(events),
                                .metrics = fd_of(metrics),
                                .capture = fd_of(capture),
                                .client = ServedSockets::Private::with});
  traffic->begin_anew();
  traffic->open(config, wall_clock().seconds);
  told = context_now();
  told.past = traffic->past();
  const auto refused = tell_packet_half(config::to_uapi(config, told));
  told.past.clear();
  if (refused) throw SetupError("configure the tunnel: " + *refused);
  interface->tell_link();
}

void ConfiguredHalf::State::run_hooks(const std::vector<std::string>& commands, std::string_view when) {
  for (const std::string& command : commands) {
    const std::string line = with_interface(command, config.name);
    log.verbose("[#] {}", line);
    if (auto ran = run_hook(line, [this] { return pump(); }); !ran)
      throw SetupError(fmt::format("{} = {}: {}", when, line, ran.error()));
  }
}

/// A moment for the loop. False: it is time to end.
bool ConfiguredHalf::State::pump() {
  context.restart();
  context.run_for(kPump);
  return !interrupted;
}

void ConfiguredHalf::State::loop() {
  while (!exit_code) {
    context.restart();
    context.run_one();
    while (!jobs.empty() && !exit_code) {
      const auto job = std::move(jobs.front());
      jobs.pop_front();
      job();
    }
  }
}

void ConfiguredHalf::State::stop(int code) {
  if (!exit_code) exit_code = code;
}

/// Nobody asked for traffic in the clear: the interface was taken away by somebody else, or a service is stopped, maybe
/// for an upgrade or with the machine, whose kill switch had been raised before. `culvert down` asks for it.
bool ConfiguredHalf::State::guard_stays() const {
  if (!config.firewall.kill_switch || down_reply) return false;
  return exit_code == kExitInterfaceGone || setup->has_guard_of_others();
}

int ConfiguredHalf::State::shut_down() {
  notify_stopping();
  interrupted = false;  // hooks run to their end
  control::HostAnswer answer;
  const auto complain = [&](std::string text) {
    log.error(text);
    answer.outcome = control::HostAnswer::Outcome::failed;
    answer.error = std::move(text);
    if (exit_code == kExitOk) exit_code = kExitSetupFailed;
  };
  const auto attempt = [&](const auto& step) {
    try {
      step();
    } catch (const std::exception& error) {
      complain(error.what());
    }
  };
  event_hooks.reset();
  attempt([this] { run_hooks(config.hooks.pre_down, "PreDown"); });
  attempt([this] { save_config(); });
  socket_watch.reset();
  uapi.reset();
  status_socket.reset();
  events.reset();
  capture.reset();
  changes.reset();
  const bool keeps_guard = guard_stays();
  if (const auto undone = keeps_guard ? setup->repair(host::Guard::keep) : setup->undo(); !undone)
    complain("Not all could be undone: " + undone.error().message());
  if (keeps_guard) log.error("The kill switch stays; culvert down {} lifts it", config.name);
  attempt([this] { account(); });
  interface->keeper().end();
  interface.reset();
  attempt([this] { run_hooks(config.hooks.post_down, "PostDown"); });
  if (down_reply) down_reply(answer);
  for (const auto end = Clock::now() + kLastAnswer; server->busy() != 0 && Clock::now() < end;) pump();
  return *exit_code;
}

void ConfiguredHalf::State::save_config() {
  if (!config.save_config || !options.config.ends_with(".conf")) return;
  const auto device = ask_packet_half();
  if (!device) throw SetupError("SaveConfig: the state of the tunnel is not to be had");
  config = with_state(std::move(config), *device);
  const auto text = config::to_wg_quick(config);
  if (auto written = write_private_file(options.config, text.text); !written)
    throw SetupError("SaveConfig: " + written.error());
}

ConfiguredHalf::ConfiguredHalf(const Options& options) : state_(std::make_unique<State>(options)) {}
ConfiguredHalf::~ConfiguredHalf() = default;

void ConfiguredHalf::log_to_system() { state_->log.redirect(make_syslog_sink()); }

int ConfiguredHalf::run() {
  notify_ready("the tunnel is up");
  state_->tick();
  state_->loop();
  return state_->shut_down();
}

void raise_guard(const Options& options) {
  const config::Loaded loaded = load_file(options);
  require(host::raise_guard(loaded.config, options.interface));
}

bool undo(const Options& options) {
  // Whoever has the socket has the interface, and undoes things himself.
  auto opened = control::UapiSocket::open(control::host_socket_path(options.interface));
  if (!opened && opened.error().error == EADDRINUSE)
    throw SetupError("the tunnel is up; end it with: culvert down " + options.interface);
  const control::UapiSocket lock = require(std::move(opened));
  host::SystemHands hands;
  host::HostSetup setup = open_journal(hands, options.interface);
  const bool journaled = !setup.untouched();
  require(setup.repair(host::Guard::lift));
  remove_dead_sockets(options.interface);
  // That of a boot is in no journal.
  if (host::guard_state(options.interface) == host::GuardState::absent) return journaled;
  require(host::lift_guard(options.interface));
  return true;
}

}  // namespace culvert::daemon
