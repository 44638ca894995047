// SPDX-License-Identifier: MIT
#include "resolvconf.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <regex>
#include <sstream>
#include <vector>

#include "resolv_file.hpp"
#include "unique_fd.hpp"

namespace culvert::host {
namespace {

constexpr int kPatience = 20000;  // milliseconds; it may restart a resolver

Failure failure(const std::string& reason) {
  return {0, "DNS by resolvconf", reason, "set `backend = \"file\"` under [dns] to write /etc/resolv.conf instead"};
}

/// A file without a name that holds the text: unlike a pipe it takes any length before the reader starts.
io::UniqueFd holding(const std::string& text) {
  io::UniqueFd fd(::memfd_create("resolvconf", MFD_CLOEXEC));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::lseek(fd.get(), 0, SEEK_SET) != 0)
    return {};
  return fd;
}

/// Waits for the end of a child at most so long, and ends it then.
/// \returns its status as waitpid has it, -1: it took too long
int wait_for(pid_t child) {
  const io::UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd ended{.fd = handle.get(), .events = POLLIN, .revents = 0};
  // Without pidfd (before Linux 5.3) there is no bound.
  const bool in_time = !handle || ::poll(&ended, 1, kPatience) > 0;
  if (!in_time) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return in_time ? status : -1;
}

Result<void, Failure> run(const DnsPlaces& places, std::vector<std::string> words, const std::string& input) {
  std::string program = find_resolvconf(places);
  if (program.empty()) return Err{failure("the program resolvconf is not installed")};
  const io::UniqueFd in = holding(input);
  if (!in) return Err{system_failure(errno, "DNS by resolvconf")};
  std::string path = "PATH=" + places.resolvconf_folders;
  std::array<char*, 2> environment = {path.data(), nullptr};
  std::vector<char*> arguments = {program.data()};
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.get(), 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, usual;
  sigemptyset(&none);
  sigfillset(&usual);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, &attributes, arguments.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Err{system_failure(error, "DNS by " + program)};
  const int status = wait_for(child);
  if (status == -1) return Err{failure("resolvconf did not end within 20 s")};
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Err{failure("resolvconf ended with " +
                       (WIFEXITED(status) ? std::to_string(WEXITSTATUS(status)) : std::string("a signal")))};
  return {};
}

std::string interface_prefix(const std::string& order_file) {
  static const std::regex kPrefix("([A-Za-z0-9-]+)\\*");
  std::istringstream lines(read_text(order_file).value_or(""));
  std::smatch found;
  for (std::string line; std::getline(lines, line);)
    if (std::regex_match(line, found, kPrefix)) return found[1].str() + ".";
  return "";
}

}  // namespace

std::string find_resolvconf(const DnsPlaces& places) {
  std::istringstream folders(places.resolvconf_folders);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (std::string path = folder + "/resolvconf"; ::access(path.c_str(), X_OK) == 0) return path;
  return "";
}

Result<Before, Failure> look_at_resolvconf(const DnsPlaces& places, const std::string& interface) {
  if (find_resolvconf(places).empty()) return Err{failure("the program resolvconf is not installed")};
  return Before{{"way", "resolvconf"}, {"name", interface_prefix(places.interface_order) + interface}};
}

Result<void, Failure> set_resolvconf(const DnsPlaces& places, const Before& before, const std::string& text) {
  return run(places, {"-a", before.at("name"), "-m", "0", "-x"}, text);
}

Result<void, Failure> restore_resolvconf(const DnsPlaces& places, const Before& before) {
  const auto name = before.find("name");
  if (name == before.end() || find_resolvconf(places).empty()) return {};
  return run(places, {"-d", name->second, "-f"}, "");
}

}  // namespace culvert::host
