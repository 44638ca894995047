// SPDX-License-Identifier: MIT
#include "run.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "configured_half.hpp"
#include "daemonize.hpp"
#include "host_half.hpp"
#include "packet_half.hpp"
#include "packet_process.hpp"

namespace culvert::daemon {
namespace {

template <class Half>
int live(const Options& options, StartReport& report) {
  Half half(options);
  if (report.in_background()) half.log_to_system();
  report.succeeded();
  return half.run();
}

int serve(const Options& options, StartReport report) {
  try {
    return options.config.empty() ? live<HostHalf>(options, report) : live<ConfiguredHalf>(options, report);
  } catch (const std::exception& error) {
    const std::string line = fmt::format("culvertd: {}: {}", options.interface, error.what());
    if (report.in_background())
      report.failed(line);
    else
      fmt::print(stderr, "{}\n", line);
    return kExitSetupFailed;
  }
}

template <class What>
int do_once(const Options& options, const What& what) {
  try {
    return what();
  } catch (const std::exception& error) {
    fmt::print(stderr, "culvertd: {}: {}\n", options.interface, error.what());
    return kExitSetupFailed;
  }
}

/// The daemon goes to another folder, and reads its file again there.
void make_path_absolute(Options& options) {
  std::error_code error;
  const auto whole = std::filesystem::absolute(options.config, error);
  if (!options.config.empty() && !error) options.config = whole.string();
}

int run_options(Options& options) {
  make_path_absolute(options);
  if (options.place == Options::Place::foreground) return serve(options, {});
  std::vector<int> inherited;
  for (const auto& fd : {options.tun_fd, options.uapi_fd})
    if (fd) inherited.push_back(*fd);
  Detached detached = detach(inherited);
  if (detached.exit_code) return *detached.exit_code;
  return serve(options, std::move(detached.report));
}

}  // namespace

int run(int argc, char** argv, const crypto::AeadBackend* aead) {
  const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
  const auto arguments = words.subspan(argc > 0 ? 1 : 0);
  if (!arguments.empty() && std::string_view(arguments.front()) == kPacketHalfArgument) return run_packet_half(aead);
  auto options = parse_arguments(arguments, process_environment);
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
    case Options::Action::guard:
      return do_once(*options, [&] {
        raise_guard(*options);
        return kExitOk;
      });
    case Options::Action::undo:
      return do_once(*options, [&] { return undo(*options) ? kExitOk : kExitNothingToUndo; });
    case Options::Action::run:
      break;
  }
  return run_options(*options);
}

}  // namespace culvert::daemon
