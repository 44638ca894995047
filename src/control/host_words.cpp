// SPDX-License-Identifier: MIT
#include "host_words.hpp"

#include <nlohmann/json.hpp>
#include <optional>

namespace culvert::control {
namespace {

using Json = nlohmann::ordered_json;
using Verb = HostRequest::Verb;
using Outcome = HostAnswer::Outcome;

constexpr unsigned kMostMinutes = 60;

std::string_view word_of(Verb verb) noexcept {
  switch (verb) {
    case Verb::status:
      return "status";
    case Verb::reload:
    case Verb::reload_dry_run:
      return "reload";
    case Verb::portal:
      return "portal";
    case Verb::down:
      return "down";
  }
  return "";
}

std::optional<Verb> verb_of(std::string_view word) noexcept {
  for (const Verb verb : {Verb::status, Verb::reload, Verb::portal, Verb::down})
    if (word_of(verb) == word) return verb;
  return std::nullopt;
}

std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string host_socket_path(std::string_view interface) {
  return "/var/run/culvert/" + std::string(interface) + ".host";
}

std::string to_line(const HostRequest& request) {
  Json json{{"do", word_of(request.verb)}};
  if (request.verb == Verb::reload_dry_run) json["dry_run"] = true;
  if (request.verb == Verb::portal) json["minutes"] = request.minutes;
  return line_of(json);
}

std::string to_line(const HostAnswer& answer) {
  Json json{{"ok", answer.outcome == Outcome::done}};
  if (answer.outcome != Outcome::done) {
    json["exit"] = static_cast<int>(answer.outcome);
    json["error"] = answer.error;
  }
  if (!answer.status.empty()) {
    Json status = Json::parse(answer.status, nullptr, false);
    if (!status.is_discarded()) json["status"] = std::move(status);
  }
  json["lines"] = answer.lines;
  return line_of(json);
}

Result<HostRequest, std::string> parse_host_request(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return Err{std::string("a request is one line with one JSON object")};
  const auto verb = verb_of(text_at(json, "do"));
  if (!verb) return Err{std::string("\"do\" must be status, reload, portal or down")};
  HostRequest request{*verb, 0};
  for (const auto& [key, value] : json.items()) {
    if (key == "do") continue;
    if (key == "dry_run" && *verb == Verb::reload && value.is_boolean()) {
      if (value.get<bool>()) request.verb = Verb::reload_dry_run;
    } else if (key == "minutes" && *verb == Verb::portal && value.is_number_unsigned() &&
               value.get<std::uint64_t>() <= kMostMinutes) {
      request.minutes = value.get<unsigned>();
    } else {
      return Err{"\"" + key + "\" is unknown to " + std::string(word_of(*verb)) + ", or has a wrong value"};
    }
  }
  if (*verb == Verb::portal && !json.contains("minutes"))
    return Err{std::string("\"minutes\" must say for how long, from 0 to 60")};
  return request;
}

Result<HostAnswer, std::string> parse_host_answer(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  const bool is_answer = json.is_object() && json.contains("ok") && json["ok"].is_boolean();
  if (!is_answer) return Err{std::string("the host half's answer is none")};
  HostAnswer answer;
  if (!json["ok"].get<bool>()) {
    const auto exit = json.find("exit");
    answer.outcome =
        exit != json.end() && *exit == static_cast<int>(Outcome::invalid) ? Outcome::invalid : Outcome::failed;
    answer.error = text_at(json, "error");
  }
  if (const auto lines = json.find("lines"); lines != json.end() && lines->is_array())
    for (const Json& entry : *lines)
      if (entry.is_string()) answer.lines.push_back(entry.get<std::string>());
  if (const auto status = json.find("status"); status != json.end()) answer.status = status->dump();
  return answer;
}

}  // namespace culvert::control
