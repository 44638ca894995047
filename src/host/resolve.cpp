// SPDX-License-Identifier: MIT
#include "resolve.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "outside_query.hpp"
#include "socket_name.hpp"
#include "unique_fd.hpp"

namespace culvert::host {
namespace {

using Again = ResolveFailure::Again;

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

ResolveResult ask_system(const config::HostPort& asked) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(asked.host.c_str(), nullptr, &hints, &list);
  const std::unique_ptr<addrinfo, FreeAddresses> owned(list);
  if (error != 0) {
    // The three that wg(8) takes as final.
    const bool final = error == EAI_NONAME || error == EAI_FAIL || error == EAI_NODATA;
    const std::string why = error == EAI_SYSTEM ? std::generic_category().message(errno) : ::gai_strerror(error);
    return Err{ResolveFailure{final ? Again::never : Again::later, asked.host + ": " + why}};
  }
  std::vector<Endpoint> endpoints;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    auto endpoint = io::from_socket_name(each->ai_addr);
    if (!endpoint) continue;
    endpoint->port = asked.port;
    if (std::find(endpoints.begin(), endpoints.end(), *endpoint) == endpoints.end()) endpoints.push_back(*endpoint);
  }
  if (endpoints.empty()) return Err{ResolveFailure{Again::never, asked.host + ": has no address"}};
  return endpoints;
}

}  // namespace

ResolveResult resolve(const config::HostPort& asked, const OutsideServers& outside) {
  if (const auto address = parse_address(asked.host)) return std::vector{Endpoint{*address, asked.port, 0}};
  ResolveResult own = ask_system(asked);
  if (own || outside.mark == 0) return own;
  std::vector<Endpoint> endpoints;
  for (const IpAddress& server : outside.servers) {
    for (const Family family : {Family::v6, Family::v4})
      for (const IpAddress& address : query_outside(server, asked.host, family, outside.mark))
        endpoints.push_back({address, asked.port, 0});
    if (!endpoints.empty()) return endpoints;
  }
  return own;
}

std::chrono::milliseconds retry_delay(unsigned n) noexcept {
  constexpr double kLongest = 20'000;
  double delay = 1000;
  for (unsigned i = 1; i < n && delay < kLongest; ++i) delay *= 1.2;
  return std::chrono::milliseconds(static_cast<long>(std::min(delay, kLongest)));
}

struct Resolver::Shared {
  struct Question {
    std::uint64_t id;
    config::HostPort endpoint;
    OutsideServers outside;
  };

  Shared() : ready(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!ready) throw std::system_error(errno, std::generic_category(), "eventfd");
  }

  /// Until the resolver is gone.
  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return gone || !questions.empty(); });
      if (gone) return;
      Question question = std::move(questions.front());
      questions.pop_front();
      lock.unlock();
      Answer answer{question.id, resolve(question.endpoint, question.outside)};
      lock.lock();
      answers.push_back(std::move(answer));
      const std::uint64_t one = 1;
      if (::write(ready.get(), &one, sizeof one) < 0) continue;  // full: it is readable
    }
  }

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Question> questions;
  std::vector<Answer> answers;
  bool gone = false;
  io::UniqueFd ready;
};

// The thread shares what it needs, and so may outlive the object: getaddrinfo cannot be told to stop.
Resolver::Resolver() : shared_(std::make_shared<Shared>()) {
  std::thread([shared = shared_] { shared->work(); }).detach();
}

Resolver::~Resolver() {
  if (!shared_) return;
  const std::lock_guard lock(shared_->mutex);
  shared_->gone = true;
  shared_->wake.notify_all();
}

void Resolver::ask(std::uint64_t id, config::HostPort endpoint, OutsideServers outside) {
  const std::lock_guard lock(shared_->mutex);
  shared_->questions.push_back({id, std::move(endpoint), std::move(outside)});
  shared_->wake.notify_all();
}

int Resolver::ready() const noexcept { return shared_->ready.get(); }

std::vector<Resolver::Answer> Resolver::take() {
  const std::lock_guard lock(shared_->mutex);
  std::uint64_t count = 0;
  if (::read(shared_->ready.get(), &count, sizeof count) < 0) count = 0;  // nothing waits
  return std::exchange(shared_->answers, {});
}

}  // namespace culvert::host
