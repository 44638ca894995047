// SPDX-License-Identifier: MIT
// What happens by itself: names resolve, peers expire, endpoints that do not answer give way to others, the host's
// addresses and routes change, the packet half dies.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "configured_state.hpp"
#include "event_server.hpp"
#include "notify.hpp"
#include "totals_file.hpp"

namespace culvert::daemon {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 5s;
constexpr auto kHung = 30s;  // without a heartbeat, of which one comes each 5 s
constexpr auto kLook = 10s;  // for an answer to a look at the peers
constexpr auto kLate = 15s;  // the service manager's patience is its own
constexpr auto kReviveAgain = 1s;
constexpr auto kAccount = 60s;  // so much is lost at most when either half is killed

}  // namespace

void ConfiguredHalf::State::ask_for_names() {
  for (const config::HostPort& name : book.unanswered()) {
    const bool asked =
        std::any_of(questions.begin(), questions.end(), [&](const auto& one) { return one.second == name; });
    if (asked) continue;
    questions.emplace(next_question, name);
    resolver->ask(next_question++, name, outside_servers());
  }
}

host::OutsideServers ConfiguredHalf::State::outside_servers() const {
  return {.mark = plan.choice.mark, .servers = host::outside_resolvers({}, setup->made())};
}

void ConfiguredHalf::State::take_answers() {
  bool news = false;
  for (host::Resolver::Answer& answer : resolver->take()) {
    const auto question = questions.find(answer.id);
    if (question == questions.end()) continue;
    const config::HostPort name = question->second;
    questions.erase(question);
    if (answer.result) {
      book.answer(name, *answer.result);
      news = true;
    } else {
      log.limited("resolve", Instant(Clock::now().time_since_epoch()), LogLevel::error,
                  fmt::format("The endpoint {} has no address: {}", to_string(name), answer.result.error().reason));
    }
  }
  if (book.unanswered().empty())
    resolve_tries = 0;
  else if (questions.empty())
    ask_again_at = Clock::now() + host::retry_delay(++resolve_tries);
  if (news && server) later([this] { move_to_chosen(); });
}

/// Tells the packet half of places that it does not know yet, and the host of the way to them.
void ConfiguredHalf::State::move_to_chosen() {
  const config::UapiContext wanted = context_now();
  std::string text = "set=1\n";
  for (const auto& [key, place] : wanted.endpoints) {
    const auto known = told.endpoints.find(key);
    if (known != told.endpoints.end() && known->second == place) continue;
    text += fmt::format("public_key={}\nupdate_only=true\nendpoint={}\n", hex_of(key), to_string(place));
  }
  told.endpoints = wanted.endpoints;
  text += "\n";
  if (auto refused = tell_packet_half(control::SecretText(text.begin(), text.end())))
    log.error("The packet half takes no endpoint: {}", *refused);
  follow_host();
}

void ConfiguredHalf::State::watch_host() {
  auto watching = HostChanges::watch(context, [this] { later([this] { follow_host(); }); });
  if (!watching) throw SetupError("cannot watch the host: " + std::generic_category().message(watching.error()));
  changes.emplace(std::move(*watching));
  reload_signal.emplace(context, SIGHUP);
  await_reload_signal();
}

void ConfiguredHalf::State::await_reload_signal() {
  reload_signal->async_wait([this](const asio::error_code& error, int) {
    if (error) return;
    await_reload_signal();
    later([this] { (void)reload(); });
  });
}

void ConfiguredHalf::State::tick() {
  later([this] {
    if (interface->keeper().runs() && interface->keeper().silence() > kHung)
      interface->keeper().give_up("was ended, since it did not move for 30 seconds");
    if (interface->keeper().runs()) {
      if (interface->keeper().silence() < kLate) notify_watchdog();
      expire_peers();
      move_endpoints();
      if (Clock::now() >= account_at) account();
    }
    if (Clock::now() >= ask_again_at) {
      ask_again_at = Clock::time_point::max();
      ask_for_names();
    }
  });
  auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(kTick);
  const UnixTime now = wall_clock();
  if (const auto expiry = config::next_expiry(config, now))
    wait =
        std::min(wait, std::chrono::milliseconds(std::max<std::int64_t>(expiry->seconds - now.seconds, 0) * 1000 + 10));
  timer.expires_after(wait);
  timer.async_wait([this](const asio::error_code& error) {
    if (!error) tick();
  });
}

void ConfiguredHalf::State::expire_peers() {
  config::UapiContext wanted = told;
  wanted.now = wall_clock();
  if (auto refused = tell_packet_half(config::to_uapi(config, told, config, wanted)))
    log.error("Peers whose time is over were not told to the packet half: {}", *refused);
  told.now = wanted.now;
}

void ConfiguredHalf::State::move_endpoints() {
  const auto movable = book.movable();
  if (movable.empty()) return;
  const auto device = ask_packet_half();
  if (!device) return;
  for (const PeerText& peer : device->peers)
    if (std::find(movable.begin(), movable.end(), peer.public_key) != movable.end() &&
        trials[peer.public_key].look(peer, Clock::now(), wall_clock().seconds))
      try_next(peer);
}

/// What the packet half says of its peers. nullopt: it does not answer, and was ended.
std::optional<DeviceText> ConfiguredHalf::State::ask_packet_half() {
  constexpr std::string_view kGet = "get=1\n\n";
  const auto answer = interface->keeper().exchange(control::SecretText(kGet.begin(), kGet.end()), kLook);
  if (answer) return read_device_text(*answer);
  // Its late answer would be taken for the answer to the next question.
  interface->keeper().give_up("was ended, since it did not answer");
  return std::nullopt;
}

void ConfiguredHalf::State::load_traffic() {
  LoadedTotals loaded = load_totals(totals_path(config.name));
  if (!loaded.warning.empty()) log.error(loaded.warning);
  traffic.emplace(std::move(loaded.totals));
}

/// Adds up what passed, and puts it into the file where something did.
void ConfiguredHalf::State::account() {
  account_at = Clock::now() + kAccount;
  if (!interface->keeper().runs()) return;
  if (const auto device = ask_packet_half()) traffic->take(*device, wall_clock().seconds);
  if (!traffic->take_changed() && !totals_unsaved) return;
  const auto saved = save_totals(totals_path(config.name), traffic->totals());
  if (!saved && !totals_unsaved)
    log.error("The traffic totals cannot be saved ({}); the tunnel goes on, and this is tried again each minute",
              saved.error());
  if (saved && totals_unsaved) log.error("The traffic totals are saved again");
  totals_unsaved = !saved;
}

/// A peer that does not answer where it is.
void ConfiguredHalf::State::try_next(const PeerText& peer) {
  const auto next = book.next(peer.public_key);
  if (!next || next->wrapped)
    for (const config::HostPort& name : book.names_of(peer.public_key)) {
      questions.emplace(next_question, name);
      resolver->ask(next_question++, name, outside_servers());
    }
  if (!next) return;
  // It may have roamed to where it was last, which the packet half knows alone.
  if (peer.endpoint != next->place) told.endpoints.erase(peer.public_key);
  move_to_chosen();
}

/// The plan follows the facts; an equal plan changes nothing.
void ConfiguredHalf::State::follow_host() {
  const auto facts = host::read_facts(book.addresses(), plan.choice.mark);
  if (!facts) return log.error("The host cannot be looked at: {}", facts.error().message());
  host::Plan next = host::make_plan(config, config.name, plan.choice, *facts);
  const auto changed = change_host(next);
  if (!changed) return log.error("The change of the network cannot be followed: {}", changed.error().message());
  plan = std::move(next);
  note_all();
  if (std::exchange(paths, facts->paths) != facts->paths) tell_of_other_paths();
}

/// Datagrams go on with the source address that was right before, and the peers look for us there.
void ConfiguredHalf::State::tell_of_other_paths() {
  constexpr std::string_view kChanged = "set=1\nnetwork_changed=true\n\n";
  if (!interface->keeper().runs()) return;
  if (auto refused = tell_packet_half(control::SecretText(kChanged.begin(), kChanged.end())))
    log.error("The packet half was not told of another network: {}", *refused);
}

/// The link went down and came up: its routes went with it.
void ConfiguredHalf::State::reassert() {
  if (const auto sure = setup->reassert(); !sure)
    log.error("What went with the link cannot be brought back: {}", sure.error().message());
  note_all();
}

/// Interface, addresses, routes and kill switch are as they were: only the packets wait.
void ConfiguredHalf::State::revive(std::string_view why) {
  log.error("Another packet half is started, for the last one {}", why);
  ++restarts;
  try {
    configure_packet_half();
  } catch (const std::exception& error) {
    log.error("The packet half cannot be started: {}", error.what());
    revive_timer.expires_after(kReviveAgain);
    revive_timer.async_wait([this](const asio::error_code& cancelled) {
      if (!cancelled) later([this] { revive("could not be started"); });
    });
  }
}

/// As the configuration says now.
void ConfiguredHalf::State::hook_events() {
  event_hooks.reset();
  if (config.observe.event_hooks.empty()) return;
  event_hooks.emplace(context, log, control::events_socket_path(config.name), config.observe.event_hooks);
}

void ConfiguredHalf::State::note_all() {
  for (const std::string& note : setup->take_notes()) log.error(note);
}

}  // namespace culvert::daemon
