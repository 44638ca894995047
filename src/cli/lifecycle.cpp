// SPDX-License-Identifier: MIT
#include "lifecycle.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

#include <culvert/printable.hpp>

#include "failure.hpp"
#include "findings.hpp"
#include "host_inquiry.hpp"
#include "host_words.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

using control::HostAnswer;
using control::HostRequest;
namespace fs = std::filesystem;

constexpr const char* kStateFolder = "/var/lib/culvert";
constexpr int kNothingToUndo = 5;  // as culvertd(8) has it
// Names may have to be resolved, and a machine may be busy: what the host half does with one request takes no longer.
constexpr std::chrono::seconds kAnswerWithin{120};

/// $CULVERTD; else beside this program; else where the system looks for programs.
std::string daemon_path() {
  if (const char* const given = std::getenv("CULVERTD"); given != nullptr && *given != 0) return given;
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path beside = self.parent_path() / "culvertd";
    if (fs::exists(beside, error)) return beside.string();
  }
  return "culvertd";
}

/// Runs culvertd with standard streams shared, and waits. \returns its exit code.
int run_daemon(const std::vector<std::string>& arguments) {
  const std::string program = daemon_path();
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (const int error = ::posix_spawnp(&pid, program.c_str(), nullptr, nullptr, argv.data(), environ); error != 0)
    throw Failure(code_of_errno(error), fmt::format("{} cannot be started: {}; is Culvert installed completely?",
                                                    program, std::generic_category().message(error)));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      throw Failure(ExitCode::failed, fmt::format("{} was lost: {}", program, std::generic_category().message(errno)));
  if (WIFSIGNALED(status))
    throw Failure(ExitCode::failed, fmt::format("{} was ended by signal {}", program, WTERMSIG(status)));
  return WEXITSTATUS(status);
}

void require_root(std::string_view verb) {
  if (::geteuid() != 0)
    throw Failure(ExitCode::permission, fmt::format("only root may do this; try: sudo culvert {}", verb));
}

/// \throws Failure with the daemon's own sentence when it could not.
HostAnswer ask_host(const std::string& interface, const HostRequest& request, const SocketFolders& folders,
                    const Console& console) {
  const std::string line = ask_socket(folders.status + "/" + interface + ".host", interface, control::to_line(request),
                                      Ends::at_line, kAnswerWithin);
  auto answer = control::parse_host_answer(line);
  if (!answer) throw Failure(ExitCode::failed, fmt::format("{}: {}", interface, answer.error()));
  if (answer->outcome == HostAnswer::Outcome::done) return std::move(*answer);
  for (const std::string& finding : answer->lines) console.err(printable(finding) + "\n");
  const ExitCode code = answer->outcome == HostAnswer::Outcome::invalid ? ExitCode::invalid : ExitCode::failed;
  throw Failure(code, fmt::format("{}: {}", interface, printable(answer->error)));
}

bool has_host_half(const std::string& interface, const SocketFolders& folders) {
  std::error_code error;
  return fs::exists(folders.status + "/" + interface + ".host", error);
}

/// A daemon that is set by `wg` has no file to obey.
void require_configured(const std::string& interface, const SocketFolders& folders) {
  if (is_running(folders, interface) && !has_host_half(interface, folders))
    throw Failure(ExitCode::failed,
                  fmt::format("{} was started without a configuration, to be set by wg; end it with: ip link "
                              "delete {}",
                              interface, interface));
}

void print_lines(const HostAnswer& answer, std::string_view when_none, const Console& console) {
  for (const std::string& line : answer.lines) console.out(printable(line) + "\n");
  if (answer.lines.empty() && !when_none.empty()) console.out(fmt::format("{}\n", when_none));
}

/// The daemon answers when all is undone, and ends after that: a new one needs its sockets gone.
void wait_for_end(const std::string& interface, const SocketFolders& folders) {
  constexpr std::chrono::seconds kPatience{10};
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while ((is_running(folders, interface) || has_host_half(interface, folders)) &&
         std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace

void up(const UpOptions& options, const std::string& config_folder, const SocketFolders& folders,
        const Console& console) {
  const Located located = locate(options.what, config_folder);
  static_cast<void>(load_or_fail(located, console));
  if (is_running(folders, located.interface))
    throw Failure(ExitCode::failed, fmt::format("{} is up already; to take over changes: culvert reload {}",
                                                located.interface, located.interface));
  require_root("up " + options.what);
  const int code = run_daemon({"--config", located.path, located.interface});
  if (code != 0)
    throw Failure(code == 3 ? ExitCode::invalid : ExitCode::failed,
                  fmt::format("{} is not up; the reason stands above", located.interface));
}

void down(const DownOptions& options, const SocketFolders& folders, const Console& console) {
  const std::string name = interface_named(options.name);
  require_root("down " + name);
  require_configured(name, folders);
  if (is_running(folders, name)) {
    const HostAnswer answer = ask_host(name, {HostRequest::Verb::down, 0}, folders, console);
    wait_for_end(name, folders);
    return print_lines(answer, "", console);
  }
  std::error_code error;
  const bool journaled = fs::exists(fmt::format("{}/{}.journal", kStateFolder, name), error);
  if (journaled) console.err(fmt::format("culvert: {} is not up; undoing what it has left behind\n", name));
  // A kill switch that was raised at boot stands without a journal.
  const int code = run_daemon({"--undo", name});
  if (code == kNothingToUndo && journaled) return;
  if (code == kNothingToUndo) throw Failure(ExitCode::not_running, fmt::format("{} is not up", name));
  if (code != 0)
    throw Failure(ExitCode::failed, fmt::format("not all of {} could be undone; the reason stands above", name));
  if (!journaled) console.err(fmt::format("culvert: {} was not up; its kill switch is lifted\n", name));
}

void reload(const ReloadOptions& options, const SocketFolders& folders, const Console& console) {
  const std::string name = interface_named(options.name);
  require_configured(name, folders);
  const bool dry = options.mode == ReloadOptions::Mode::show_differences;
  const HostRequest request{dry ? HostRequest::Verb::reload_dry_run : HostRequest::Verb::reload, 0};
  print_lines(ask_host(name, request, folders, console), "nothing has changed", console);
}

void portal(const PortalOptions& options, const SocketFolders& folders, const Console& console) {
  const std::string name = interface_named(options.name);
  require_configured(name, folders);
  const HostAnswer answer = ask_host(name, {HostRequest::Verb::portal, options.minutes}, folders, console);
  const std::string otherwise = options.minutes == 0 ? "closed" : fmt::format("open for {} min", options.minutes);
  print_lines(answer, otherwise, console);
}

std::string reload_if_running(const Located& located, const SocketFolders& folders, const Console& console) {
  const std::string& interface = located.interface;
  if (!is_running(folders, interface))
    return fmt::format("{} is not up; start it with: culvert up {}", interface, interface);
  if (!has_host_half(interface, folders))
    return fmt::format("{} was started without a configuration and does not know of this", interface);
  std::error_code error;
  if (const auto host = ask_host_status(folders, interface, kAnswerWithin);
      host && !fs::equivalent(host->config, located.path, error) && !error)
    return fmt::format("{} runs from {} and does not know of this", interface, printable(host->config));
  static_cast<void>(ask_host(interface, {HostRequest::Verb::reload, 0}, folders, console));
  return fmt::format("{} has taken it over", interface);
}

}  // namespace culvert::cli
