// SPDX-License-Identifier: MIT
#include "doctor_probe.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "socket_name.hpp"
#include "unique_fd.hpp"

extern char** environ;

namespace culvert::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostOutput = 16 << 20;
constexpr std::chrono::seconds kProgramLimit{10};

/// Everything that arrives at `fd` until its end or the limit.
std::string read_until_end(int fd) {
  std::string all;
  const auto end = Clock::now() + kProgramLimit;
  while (all.size() < kMostOutput) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd entry{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) != 1) break;
    std::array<char, 4096> part;
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got <= 0) break;
    all.append(part.data(), static_cast<std::size_t>(got));
  }
  return all;
}

constexpr std::uint16_t kSequence = 0xc017;

std::uint16_t checksum(const std::vector<std::uint8_t>& octets) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < octets.size(); i += 2)
    sum += static_cast<std::uint32_t>(octets[i] << 8 | octets[i + 1]);
  if (octets.size() % 2 != 0) sum += static_cast<std::uint32_t>(octets.back() << 8);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// An echo request of so many octets, ICMP header included. The kernel sums those of ICMPv6 itself.
std::vector<std::uint8_t> request_of(Family family, std::size_t octets, std::uint16_t id) {
  std::vector<std::uint8_t> request(octets, 0x5a);
  const std::uint8_t type = family == Family::v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
  const std::array<std::uint8_t, 8> head{type,
                                         0,
                                         0,
                                         0,
                                         static_cast<std::uint8_t>(id >> 8),
                                         static_cast<std::uint8_t>(id),
                                         kSequence >> 8,
                                         kSequence & 0xff};
  std::copy(head.begin(), head.end(), request.begin());
  if (family == Family::v4) {
    const std::uint16_t sum = checksum(request);
    request[2] = static_cast<std::uint8_t>(sum >> 8);
    request[3] = static_cast<std::uint8_t>(sum);
  }
  return request;
}

io::UniqueFd open_raw(const std::string& interface, Family family) {
  const bool v4 = family == Family::v4;
  io::UniqueFd fd(
      ::socket(io::socket_domain(family), SOCK_RAW | SOCK_CLOEXEC, v4 ? IPPROTO_ICMP : int{IPPROTO_ICMPV6}));
  if (!fd) return fd;
  // The path's MTU is what is asked for: neither fragments nor the kernel's own opinion of it.
  static_assert(IP_PMTUDISC_PROBE == IPV6_PMTUDISC_PROBE);
  const int probe = IP_PMTUDISC_PROBE;
  if (v4)
    (void)::setsockopt(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
  else
    (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof probe);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                   static_cast<socklen_t>(interface.size())) != 0)
    fd.reset();
  return fd;
}

int send_to(int fd, const IpAddress& to, const std::vector<std::uint8_t>& request) {
  io::SocketName name;
  const socklen_t octets = io::to_socket_name({to, 0, 0}, name);
  return ::sendto(fd, request.data(), request.size(), 0, &name.generic, octets) < 0 ? errno : 0;
}

bool is_answer(const std::uint8_t* icmp, std::size_t octets, Family family, std::uint16_t id) noexcept {
  const std::uint8_t type = family == Family::v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
  return octets >= 8 && icmp[0] == type && icmp[4] == (id >> 8) && icmp[5] == (id & 0xff) &&
         icmp[6] == (kSequence >> 8) && icmp[7] == (kSequence & 0xff);
}

}  // namespace

ProgramRun run_program(const std::vector<std::string>& words) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return {127, std::generic_category().message(errno)};
  io::UniqueFd from(pipe[0]);
  io::UniqueFd into(pipe[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, into.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));  // execve takes it so
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return {127, std::generic_category().message(error)};
  into.reset();
  ProgramRun run{0, read_until_end(from.get())};
  from.reset();
  int status = 0;
  if (::waitpid(child, &status, WNOHANG) == 0) {
    // It has closed its output or is past its time: either way there is nothing more to wait for.
    ::usleep(100'000);
    if (::waitpid(child, &status, WNOHANG) == 0) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
    }
  }
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 127;
  return run;
}

std::optional<std::string> read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

EchoOutcome echo(const std::string& interface, const IpAddress& to, std::size_t packet_octets,
                 std::chrono::milliseconds within) {
  const io::UniqueFd fd = open_raw(interface, to.family);
  if (!fd) return EchoOutcome::refused;
  const auto id = static_cast<std::uint16_t>(::getpid());
  const std::size_t header = to.family == Family::v4 ? 20 : 40;
  const int error = send_to(fd.get(), to, request_of(to.family, packet_octets - header, id));
  if (error == EMSGSIZE) return EchoOutcome::too_big;
  if (error != 0) return EchoOutcome::refused;
  const auto end = Clock::now() + within;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd entry{fd.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) != 1) return EchoOutcome::unanswered;
    std::array<std::uint8_t, 2048> part;
    const ssize_t got = ::recv(fd.get(), part.data(), part.size(), MSG_DONTWAIT);
    if (got <= 0) continue;
    // An IPv4 raw socket brings the IP header, an IPv6 one does not.
    const std::size_t skip = to.family == Family::v4 ? std::size_t{part[0] & 0x0fU} * 4 : 0;
    if (static_cast<std::size_t>(got) > skip &&
        is_answer(part.data() + skip, static_cast<std::size_t>(got) - skip, to.family, id))
      return EchoOutcome::answered;
  }
}

Way way_towards(const IpAddress& address, std::uint32_t fwmark) {
  std::vector<std::string> words{"ip", "-j", "route", "get", to_string(address)};
  if (fwmark != 0) words.insert(words.end(), {"mark", std::to_string(fwmark)});
  const ProgramRun run = run_program(words);
  const auto routes = nlohmann::json::parse(run.output, nullptr, false);
  if (run.exit_code != 0 || !routes.is_array() || routes.empty()) return {};
  return {routes[0].value("dev", ""), parse_address(routes[0].value("prefsrc", ""))};
}

std::string device_towards(const IpAddress& address, std::uint32_t fwmark) {
  return way_towards(address, fwmark).device;
}

std::string default_device(Family family) {
  const ProgramRun run = run_program({"ip", "-j", family == Family::v4 ? "-4" : "-6", "route", "show", "default"});
  const auto routes = nlohmann::json::parse(run.output, nullptr, false);
  if (run.exit_code != 0 || !routes.is_array() || routes.empty()) return "";
  return routes[0].value("dev", "");
}

}  // namespace culvert::cli
