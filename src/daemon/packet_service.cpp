// SPDX-License-Identifier: MIT
#include "packet_service.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "half_channel.hpp"
#include "packet_process.hpp"

namespace culvert::daemon {
namespace {

constexpr int kHandoverMs = 10'000;  // the host half sends at once
constexpr int kFirstSpare = 16;      // above all descriptors that the packet half finds
constexpr std::size_t kSent = 3;     // requests, log, life

Err<std::string> failed(const std::string& what) { return Err{what + ": " + std::generic_category().message(errno)}; }

Result<io::UniqueFd, std::string> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return Err{path + ": no path of a socket"};
  path.copy(address.sun_path, path.size());
  io::UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed("socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const bool nobody = errno == ENOENT || errno == ECONNREFUSED;
  return failed(path + (nobody ? " (does culvert-packets.socket run?)" : ""));
}

/// The kernel's SIGKILL to this process when the other end closes: sent as its own signal, so no privilege is needed.
Result<void, std::string> tie_life(int life) {
  const int flags = ::fcntl(life, F_GETFL);
  if (flags < 0 || ::fcntl(life, F_SETOWN, ::getpid()) != 0 || ::fcntl(life, F_SETSIG, SIGKILL) != 0 ||
      ::fcntl(life, F_SETFL, flags | O_ASYNC | O_NONBLOCK) != 0)
    return failed("tie its life to the host half's");
  pollfd now{.fd = life, .events = 0, .revents = 0};
  if (::poll(&now, 1, 0) != 0) return Err{std::string("the host half is gone")};
  return {};
}

}  // namespace

Result<ServiceEnds, std::string> call_packet_service(const std::string& socket) {
  auto news = connect_to(socket);
  if (!news) return Err{"cannot have a packet half started by " + news.error()};
  auto requests = make_half_pair();
  auto life = make_half_pair();
  std::array<int, 2> pipe{};
  if (!requests || !life || ::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return failed("cannot have a packet half started");
  io::UniqueFd log(pipe[0]);
  const io::UniqueFd their_log(pipe[1]);
  const std::array<int, kSent> theirs{requests->theirs.get(), their_log.get(), life->theirs.get()};
  if (auto sent = send_half_message(news->get(), half::octets_of(half::Handover{}), theirs); !sent) {
    errno = sent.error();
    return failed("the packet half takes no descriptors");
  }
  return ServiceEnds{std::move(*news), std::move(requests->mine), std::move(log), std::move(life->mine)};
}

Result<int, std::string> take_service_ends() {
  for (const int ignored : {SIGINT, SIGTERM, SIGHUP}) std::signal(ignored, SIG_IGN);
  if (auto waited = await_half_message(kNewsDescriptor, kHandoverMs); !waited)
    return Err{std::string("no host half is there")};
  auto message = receive_half_message(kNewsDescriptor, kSent);
  if (!message || message->size == 0) return Err{std::string("the host half sent no descriptors")};
  if (const auto handover = half::decode<half::Handover>(message->bytes()); !handover)
    return Err{"the host half sent " + std::string(handover.error())};
  if (message->descriptors.size() != kSent) return Err{std::string("the host half sent a wrong count of descriptors")};
  // The kernel may have put one where another belongs.
  std::array<io::UniqueFd, kSent> spare;
  for (std::size_t i = 0; i < kSent; ++i) {
    spare[i].reset(::fcntl(message->descriptors[i].get(), F_DUPFD_CLOEXEC, kFirstSpare));
    if (!spare[i]) return failed("move a descriptor");
  }
  message->descriptors.clear();
  if (::dup2(spare[0].get(), kRequestsDescriptor) < 0 || ::dup2(spare[1].get(), STDERR_FILENO) < 0)
    return failed("move a descriptor");
  if (auto tied = tie_life(spare[2].get()); !tied) return Err{tied.error()};
  return spare[2].release();  // open for as long as the process lives
}

}  // namespace culvert::daemon
