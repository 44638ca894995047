// SPDX-License-Identifier: MIT
// What a packet half that was taken over may answer to whoever asks for the status: whatever it is, it is shown as text
// that drives no terminal, and as JSON. Input: the status, and behind a file separator what the host half adds.
#include "status_document.hpp"

#include <nlohmann/json.hpp>

#include <culvert/printable.hpp>

#include "rates.hpp"
#include "status_text.hpp"
#include "support/input.hpp"

using namespace culvert;
using namespace culvert::cli;
using culvert::fuzz::require;

namespace {

constexpr std::int64_t kNow = 1'795'930'321;
constexpr auto kPlain = Console::Colours::none;

void check_lines(std::string text, std::size_t most) {
  require(text.ends_with('\n'), "whole lines");
  require(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) <= most, "no more lines than asked for");
  std::erase(text, '\n');
  require(printable(text) == text, "what is shown drives no terminal");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(text.find('\x1c'), size);
  auto status = parse_status(text.substr(0, cut));
  if (!status) {
    require(!status.error().empty(), "what is no status is told why");
    return 0;
  }
  if (cut < size) status->host = parse_host_status(text.substr(cut + 1));
  check_lines(status_text(*status, kNow, kPlain), size + 100);
  Rates rates;
  const Instant at = Instant(std::chrono::seconds(100));
  rates.look(*status, at);
  for (PeerStatus& peer : status->peers) peer.received += 1 + peer.received / 2;
  rates.look(*status, at + std::chrono::seconds(1));
  check_lines(watch_screen(*status, rates, kNow, kPlain, 40 + size % 100, 1 + size % 50), 1 + size % 50);
  const std::string json = status_json({*status}, kNow);
  require(nlohmann::json::accept(json), "the JSON is JSON");
  check_lines(json, json.size());
  return 0;
}
