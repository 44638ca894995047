// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <span>
#include <vector>

#include "arguments.hpp"
#include "daemon.hpp"
#include "daemonize.hpp"

namespace {

using namespace culvert::daemon;

int serve(const Options& options, StartReport report) {
  try {
    Daemon daemon(options);
    if (report.in_background()) daemon.log_to_system();
    report.succeeded();
    return daemon.run();
  } catch (const std::exception& error) {
    const std::string line = fmt::format("culvertd: {}: {}", options.interface, error.what());
    if (report.in_background())
      report.failed(line);
    else
      fmt::print(stderr, "{}\n", line);
    return kExitSetupFailed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<const char* const> arguments(argv, static_cast<std::size_t>(argc));
  const auto options = parse_arguments(arguments.subspan(argc > 0 ? 1 : 0), process_environment);
  if (!options) {
    fmt::print(stderr, "culvertd: {}\n", options.error());
    return kExitUsage;
  }
  switch (options->action) {
    case Options::Action::print_version:
      fmt::print("culvertd {}\n", CULVERT_VERSION);
      return kExitOk;
    case Options::Action::print_help:
      fmt::print("{}", help_text());
      return kExitOk;
    case Options::Action::run:
      break;
  }
  if (options->place == Options::Place::foreground) return serve(*options, {});
  std::vector<int> inherited;
  for (const auto& fd : {options->tun_fd, options->uapi_fd})
    if (fd) inherited.push_back(*fd);
  Detached detached = detach(inherited);
  if (detached.exit_code) return *detached.exit_code;
  return serve(*options, std::move(detached.report));
}
