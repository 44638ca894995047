// SPDX-License-Identifier: MIT
// Following the file: the whole of it is compared with what runs, and only the differences are applied, to the host and
// to the packet half. Either all of them stand afterwards, or none.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <system_error>

#include "configured_state.hpp"
#include "difference.hpp"
#include "firewall.hpp"
#include "load.hpp"
#include "notify.hpp"
#include "portal.hpp"
#include "reload_news.hpp"

namespace culvert::daemon {
namespace {

using control::HostAnswer;
using control::HostRequest;

// What is decided when the interface is made.
constexpr std::array<std::string_view, 3> kAtStart = {"interface.lanes", "interface.offloads", "interface.aead"};

bool waits_for_start(const config::Difference& difference) {
  return std::any_of(kAtStart.begin(), kAtStart.end(),
                     [&](std::string_view key) { return difference.key.starts_with(key); });
}

std::vector<std::string> lines_of(const std::vector<config::Difference>& differences) {
  std::vector<std::string> lines;
  lines.reserve(differences.size());
  for (const config::Difference& one : differences)
    lines.push_back(one.line() + (waits_for_start(one) ? " (from the next start on)" : ""));
  return lines;
}

HostAnswer failure(std::string why) {
  return {.outcome = HostAnswer::Outcome::failed, .error = std::move(why), .lines = {}, .status = {}};
}

HostAnswer invalid(const std::vector<config::Finding>& findings) {
  HostAnswer answer{.outcome = HostAnswer::Outcome::invalid,
                    .error = "the configuration cannot be used, and nothing was changed",
                    .lines = {},
                    .status = {}};
  for (const config::Finding& finding : findings) answer.lines.push_back(finding.message());
  return answer;
}

}  // namespace

void ConfiguredHalf::State::on_request(const HostRequest& request, HostServer::Reply reply) {
  switch (request.verb) {
    case HostRequest::Verb::status:
      return reply(status());
    case HostRequest::Verb::reload_dry_run:
      return reply(preview());
    case HostRequest::Verb::reload:
      return later([this, reply = std::move(reply)] { reply(reload()); });
    case HostRequest::Verb::portal:
      return later([this, minutes = request.minutes, reply = std::move(reply)] { reply(open_portal(minutes)); });
    case HostRequest::Verb::down:
      down_reply = std::move(reply);
      return stop(kExitOk);
  }
}

/// Tells those who follow the events how it went.
void ConfiguredHalf::State::tell_of_reload(const std::vector<config::Difference>& differences,
                                           const HostAnswer& answer) {
  interface->keeper().tell(reload_news(differences, answer));
}

HostAnswer ConfiguredHalf::State::preview() {
  auto loaded = config::load(options.config);
  if (!loaded) return invalid(loaded.error());
  loaded->config.name = config.name;
  return {.outcome = HostAnswer::Outcome::done,
          .error = {},
          .lines = lines_of(config::differences(config, loaded->config)),
          .status = {}};
}

HostAnswer ConfiguredHalf::State::reload() {
  auto loaded = config::load(options.config);
  if (!loaded) {
    for (const config::Finding& finding : loaded.error()) log.error(finding.message());
    HostAnswer refusal = invalid(loaded.error());
    tell_of_reload({}, refusal);
    return refusal;
  }
  notify_reloading();
  loaded->config.name = config.name;
  const std::vector<config::Difference> differences = config::differences(config, loaded->config);
  HostAnswer answer{.outcome = HostAnswer::Outcome::done, .error = {}, .lines = lines_of(differences), .status = {}};
  if (auto refused = switch_to(std::move(loaded->config))) {
    log.error("The configuration was not reloaded: {}", *refused);
    answer = failure(std::move(*refused));
  } else {
    for (const std::string& line : answer.lines) log.verbose("Reloaded: {}", line);
  }
  tell_of_reload(differences, answer);
  notify_ready("the tunnel is up");
  return answer;
}

HostAnswer ConfiguredHalf::State::open_portal(unsigned minutes) {
  host::PortalRequest request;
  request.time = std::chrono::minutes(minutes);
  request.resolvers = outside_servers().servers;
  const auto done = minutes == 0 ? host::close_portal(config.name) : host::open_portal(config.name, request);
  if (!done) return failure(done.error().message());
  std::string line = minutes == 0 ? "the portal is shut"
                                  : fmt::format("for {} minutes web pages may be seen outside the tunnel", minutes);
  log.error("As asked, {}", line);
  return {.outcome = HostAnswer::Outcome::done, .error = {}, .lines = {std::move(line)}, .status = {}};
}

/// A firewall that is set anew has its portal shut; whoever asked for it is still at the hotel's page.
Result<void, host::Failure> ConfiguredHalf::State::change_host(const host::Plan& next) {
  const auto left = config.firewall.kill_switch ? host::portal_left(config.name) : std::nullopt;
  auto changed = setup->change(next);
  if (!left || !next.firewall.kill_switch || host::portal_left(config.name)) return changed;
  const host::PortalRequest again{.time = *left, .user = std::nullopt, .resolvers = outside_servers().servers};
  if (const auto opened = host::open_portal(config.name, again); !opened) log.error(opened.error().message());
  return changed;
}

/// \returns why not; then all is as it was.
std::optional<std::string> ConfiguredHalf::State::switch_to(config::Config&& next) {
  EndpointBook new_book = book;
  new_book.follow(next);
  const auto facts = host::read_facts(new_book.addresses(), plan.choice.mark);
  if (!facts) return facts.error().message();
  const auto choice = setup->choose(next, config.name, *facts);
  if (!choice) return choice.error().message();
  host::Plan new_plan = host::make_plan(next, config.name, *choice, *facts);

  RequestServer& requests = interface->keeper().requests();
  const RequestPolicy policy = policy_for(config);
  std::swap(book, new_book);
  std::swap(plan, new_plan);  // the new one stands; new_plan is the old one from here on
  const RequestPolicy new_policy = policy_for(next);
  const config::UapiContext known = told;
  account();  // the counters of peers that go are gone with them
  traffic->open(next, wall_clock().seconds);
  config::UapiContext wanted = context_now();
  wanted.past = traffic->past();

  const auto tell = [&](const RequestPolicy& allowed, const control::SecretText& operation) {
    requests.set_policy(allowed);
    return tell_packet_half(operation);
  };
  const auto change = [&](const host::Plan& to) -> std::optional<std::string> {
    const auto changed = change_host(to);
    return changed ? std::nullopt : std::optional(changed.error().message());
  };
  std::optional<std::string> refused;
  if (new_policy.mark == 0U && policy.mark != 0U) {
    // The rules that ask for the mark go first: they would stop datagrams that bear it no more.
    refused = change(plan);
    if (!refused) {
      refused = tell(new_policy, config::to_uapi(config, known, next, wanted));
      if (const auto kept = refused ? change(new_plan) : std::nullopt)
        log.error("The host keeps the new configuration: {}", *kept);
    }
  } else {
    // The marks of datagrams first: rules that ask for them come with the plan.
    refused = tell(new_policy, config::to_uapi(config, known, next, wanted));
    if (!refused) {
      refused = change(plan);
      if (const auto kept = refused ? tell(policy, config::to_uapi(next, wanted, config, known)) : std::nullopt)
        log.error("The packet half keeps the new configuration: {}", *kept);
    }
  }
  if (refused) {
    std::swap(book, new_book);
    std::swap(plan, new_plan);
    requests.set_policy(policy);
    if (const auto kept = setup->keep_choice(config.name, plan.choice); !kept) log.error(kept.error().message());
    return refused;
  }
  told = std::move(wanted);
  told.past.clear();
  const bool other_hooks = config.observe.event_hooks != next.observe.event_hooks;
  config = std::move(next);
  note_all();
  interface->set_key_log(config.observe.key_log ? io::Switch::on : io::Switch::off);
  if (other_hooks) hook_events();
  ask_for_names();
  return std::nullopt;
}

RequestPolicy ConfiguredHalf::State::policy_for(const config::Config& wanted) {
  RequestPolicy policy = interface->keeper().requests().policy();
  policy.port.reset();
  if (wanted.listen_port != 0) policy.port = wanted.listen_port;
  policy.mark = wanted.fwmark.value_or(plan.choice.mark);
  policy.lane_buffer_octets = static_cast<int>(wanted.limits.socket_buffer.value_or(io::kUsualLaneBuffer));
  return policy;
}

config::UapiContext ConfiguredHalf::State::context_now() const {
  return {.endpoints = book.chosen(), .fwmark = plan.choice.mark, .now = wall_clock()};
}

/// \returns why it refused.
std::optional<std::string> ConfiguredHalf::State::tell_packet_half(const control::SecretText& operation) {
  if (operation.empty()) return std::nullopt;
  const auto answer = interface->keeper().exchange(operation);
  if (!answer) {
    // Its late answer would be taken for the answer to the next question.
    interface->keeper().give_up("was ended, since it did not answer");
    return answer.error();
  }
  const int error = errno_of(*answer);
  if (error == 0) return std::nullopt;
  const std::string& detail = interface->keeper().requests().last_refusal();
  return detail.empty() ? std::generic_category().message(error) : detail;
}

HostAnswer ConfiguredHalf::State::status() {
  nlohmann::ordered_json json;
  json["interface"] = config.name;
  json["config"] = options.config;
  json["pid"] = ::getpid();
  json["packetHalf"] = {{"pid", interface->keeper().pid()}, {"restarts", restarts}};
  json["upSeconds"] = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started).count();
  json["killSwitch"] = config.firewall.kill_switch;
  if (const auto left = host::portal_left(config.name)) json["portalSeconds"] = left->count();
  json["fwmark"] = plan.choice.mark;
  json["table"] = plan.choice.table;
  json["firewallTable"] = host::firewall_table(config.name);
  json["changes"] = nlohmann::ordered_json::array();
  for (const host::Made& made : setup->made()) json["changes"].push_back(host::to_string(made.step));
  json["unresolved"] = nlohmann::ordered_json::array();
  for (const config::HostPort& name : book.unanswered()) json["unresolved"].push_back(to_string(name));
  return {.outcome = HostAnswer::Outcome::done,
          .error = {},
          .lines = {},
          .status = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

}  // namespace culvert::daemon
