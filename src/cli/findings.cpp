// SPDX-License-Identifier: MIT
#include "findings.hpp"

#include <fmt/format.h>

#include <culvert/printable.hpp>

#include "failure.hpp"
#include "screen.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

config::Loaded load_with_findings(const Located& located, const Console& console) {
  auto loaded = config::load(located.path);
  if (!loaded) {
    print_findings(loaded.error(), console);
    std::size_t errors = 0;
    for (const config::Finding& finding : loaded.error())
      errors += finding.grade == config::Finding::Grade::error ? 1 : 0;
    throw Failure(ExitCode::invalid,
                  fmt::format("{} in {}; nothing was changed", count_text(errors, "error"), located.path));
  }
  print_findings(loaded->warnings, console);
  return std::move(*loaded);
}

}  // namespace

void print_findings(const std::vector<config::Finding>& findings, const Console& console) {
  for (const config::Finding& finding : findings) {
    const std::string_view colour = finding.grade == config::Finding::Grade::error ? "\x1b[31m" : "\x1b[33m";
    if (console.error_colours == Console::Colours::ansi)
      console.err(fmt::format("{}{}\x1b[0m\n", colour, printable(finding.message())));
    else
      console.err(printable(finding.message()) + "\n");
  }
}

config::Config load_or_fail(const Located& located, const Console& console) {
  return std::move(load_with_findings(located, console).config);
}

void check(const Located& located, const std::vector<config::HostAddress>& host, const Console& console) {
  config::Loaded loaded = load_with_findings(located, console);
  config::HostFacts facts{{}, {unix_now(), 0}};
  for (const config::HostAddress& address : host)
    if (address.interface != located.interface) facts.addresses.push_back(address);
  std::vector<config::Finding> more = config::check_host(loaded.config, facts);
  for (config::Finding& finding : more) loaded.locate(finding);
  print_findings(more, console);
  loaded.warnings.insert(loaded.warnings.end(), more.begin(), more.end());
  const std::string_view verdict = loaded.warnings.empty() ? "good" : "usable";
  console.out(fmt::format("{}: {}: {}, {}{}\n", located.path, verdict,
                          count_text(loaded.config.addresses.size(), "address"),
                          count_text(loaded.config.peers.size(), "peer"),
                          loaded.warnings.empty() ? "" : ", " + count_text(loaded.warnings.size(), "warning")));
}

}  // namespace culvert::cli
