// SPDX-License-Identifier: MIT
#include "packet_keeper.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <system_error>

#include "clock.hpp"
#include "device_text.hpp"
#include "half_channel.hpp"
#include "log_relay.hpp"
#include "packet_process.hpp"
#include "setup_error.hpp"
#include "watch.hpp"

namespace culvert::daemon {
namespace {

using namespace std::chrono_literals;
using control::SecretText;
using Clock = std::chrono::steady_clock;

constexpr int kReadyMs = 60'000;    // for the packet half to get ready, on the slowest machine
constexpr auto kEnd = 2s;           // for it to end by itself
constexpr auto kTellAgain = 100ms;  // when it leaves its news unread
constexpr std::string_view kAnswerEnd = "\n\n";
constexpr std::string_view kOversized = "was ended, since it sent more than a message, or descriptors";
constexpr std::string_view kEndless = "was ended, since it sent an answer without end";

std::string words(int error) { return std::generic_category().message(error); }

}  // namespace

struct PacketKeeper::State {
  State(asio::io_context& in, Log& to, const std::string& named, std::string socket, RequestPolicy policy,
        KeeperHandlers called)
      : context(in),
        log(to),
        interface(named),
        service(std::move(socket)),
        handlers(std::move(called)),
        requests(policy, system_request_calls(named)),
        relay(to),
        timer(in),
        listen_timer(in) {}

  void await_ready();
  void drain_log();
  void answer_request();
  void take_notice();
  void lose(std::string_view why);
  void send_link();
  void listen();
  void listen_later(std::optional<engine::Watch>& watch);
  void let_go();
  [[nodiscard]] bool send_some(const SecretText& text, std::size_t& sent);
  [[nodiscard]] bool receive_some(SecretText& answer);

  asio::io_context& context;
  Log& log;
  const std::string& interface;
  std::string service;
  KeeperHandlers handlers;
  RequestServer requests;
  LogRelay relay;
  std::optional<PacketProcess> process;
  int pid = 0;
  io::UniqueFd own_client;  // the host half's end of the private socket
  half::Link link;
  Clock::time_point heard = Clock::now();
  asio::steady_timer timer, listen_timer;
  std::optional<engine::Watch> news_watch, request_watch, log_watch;
  bool requests_closed = false, log_closed = false;  // by the packet half: they would be readable for ever
};

void PacketKeeper::State::await_ready() {
  const auto waited = await_half_message(process->news(), kReadyMs);
  const auto message = waited ? receive_half_message(process->news()) : Err{waited.error()};
  drain_log();
  if (!message) throw SetupError("the packet half does not get ready; " + process->end(0s));
  if (message->size == 0) throw SetupError("the packet half died at its start: " + process->end(kEnd));
  const auto notice = half::decode<half::Notice>(message->bytes());
  if (!notice) throw SetupError("the packet half sent " + std::string(notice.error()));
  if (notice->kind == half::Notice::Kind::failed) throw SetupError(std::string(half::unpadded(notice->text)));
  if (notice->kind != half::Notice::Kind::ready) throw SetupError("the packet half speaks before it is ready");
  pid = static_cast<int>(notice->value);
}

void PacketKeeper::State::drain_log() {
  if (relay.drain(process->log(), engine::read_monotonic()) == LogRelay::Pipe::open) return;
  log_closed = true;
  log_watch.reset();
}

void PacketKeeper::State::answer_request() {
  const auto message = receive_half_message(process->requests());
  if (!message && message.error() == EAGAIN) return;
  if (!message && message.error() == EMSGSIZE) return lose(kOversized);
  if (tells_end(message)) {  // whether the packet half has ended as well, the news pair tells
    requests_closed = true;
    return request_watch.reset();
  }
  if (!message) return listen_later(request_watch);
  const auto answer = requests.answer(message->bytes());
  if (!answer) return lose(fmt::format("was ended, since it sent {}", answer.error()));
  if (auto sent = send_half_message(process->requests(), half::octets_of(answer->reply), answer->descriptors); !sent)
    log.limited("answers", engine::read_monotonic(), LogLevel::error,
                "The packet half takes no answer: " + words(sent.error()));
}

void PacketKeeper::State::take_notice() {
  const auto message = receive_half_message(process->news());
  if (!message && message.error() == EAGAIN) return;
  if (!message && message.error() == EMSGSIZE) return lose(kOversized);
  if (tells_end(message)) return lose({});
  if (!message) return listen_later(news_watch);
  const auto notice = half::decode<half::Notice>(message->bytes());
  if (!notice) return lose(fmt::format("was ended, since it sent {}", notice.error()));
  switch (notice->kind) {
    case half::Notice::Kind::ready:
    case half::Notice::Kind::failed:
      return lose("was ended, since it sent a word of its start in the middle of its life");
    case half::Notice::Kind::interface_gone:
      return handlers.interface_gone();
    case half::Notice::Kind::heartbeat:
      heard = Clock::now();
      return;
  }
}

void PacketKeeper::State::listen() {
  if (!news_watch) news_watch.emplace(context, process->news(), [this] { take_notice(); });
  if (!request_watch && !requests_closed)
    request_watch.emplace(context, process->requests(), [this] { answer_request(); });
  if (!log_watch && !log_closed) log_watch.emplace(context, process->log(), [this] { drain_log(); });
}

/// What cannot be read now, for want of memory, is read a moment later: nothing is lost, and nothing spins.
void PacketKeeper::State::listen_later(std::optional<engine::Watch>& watch) {
  watch.reset();
  listen_timer.expires_after(kTellAgain);
  listen_timer.async_wait([this](const asio::error_code& error) {
    if (!error && process) listen();
  });
}

void PacketKeeper::State::let_go() {
  listen_timer.cancel();
  news_watch.reset();
  request_watch.reset();
  log_watch.reset();
  own_client.reset();
  timer.cancel();
}

/// \param why  why it is to be ended; empty: it is gone by itself.
void PacketKeeper::State::lose(std::string_view why) {
  if (!process) return;
  const std::string reason(why);
  let_go();
  const std::string end = process->end(reason.empty() ? kEnd : 0s);
  drain_log();
  relay.finish(engine::read_monotonic());
  process.reset();
  requests.forget_sockets();
  handlers.lost(reason.empty() ? "died: " + end : reason);
}

void PacketKeeper::State::send_link() {
  timer.cancel();
  if (!process) return;
  const auto sent = send_half_message(process->news(), half::octets_of(link));
  // Of its end we hear elsewhere; anything else passes.
  if (sent || sent.error() == EPIPE || sent.error() == ECONNRESET) return;
  timer.expires_after(kTellAgain);
  timer.async_wait([this](const asio::error_code& error) {
    if (!error) send_link();
  });
}

/// False: the connection is broken.
bool PacketKeeper::State::send_some(const SecretText& text, std::size_t& sent) {
  const ssize_t n = ::send(own_client.get(), text.data() + sent, text.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  sent += static_cast<std::size_t>(n);
  return true;
}

bool PacketKeeper::State::receive_some(SecretText& answer) {
  const std::size_t before = answer.size();
  constexpr std::size_t kPiece = 65536;
  answer.resize(before + kPiece);
  const ssize_t n = ::recv(own_client.get(), answer.data() + before, kPiece, MSG_DONTWAIT);
  const int error = errno;
  answer.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return n > 0 || (n < 0 && (error == EAGAIN || error == EINTR));
}

PacketKeeper::PacketKeeper(asio::io_context& context, Log& log, const std::string& interface, std::string service,
                           RequestPolicy policy, KeeperHandlers handlers)
    : state_(std::make_unique<State>(context, log, interface, std::move(service), policy, std::move(handlers))) {}

PacketKeeper::~PacketKeeper() { end(); }

void PacketKeeper::start(const half::Setup& setup, std::vector<int> descriptors) {
  State& s = *state_;
  if (s.process) {  // of no use to whoever starts another
    s.let_go();
    s.process->end(0s);
    s.process.reset();
    s.requests.forget_sockets();
  }
  auto process = s.service.empty() ? PacketProcess::start(s.interface) : PacketProcess::call(s.service);
  if (!process) throw SetupError(process.error());
  s.process.emplace(std::move(*process));
  s.requests_closed = s.log_closed = false;
  try {
    std::array<int, 2> ends{-1, -1};
    const bool is_private = (setup.sockets & half::kSocketPrivate) != 0;
    if (is_private && ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
      throw SetupError("cannot make a socket pair: " + words(errno));
    s.own_client.reset(ends[0]);
    const io::UniqueFd theirs(ends[1]);
    if (is_private) descriptors.push_back(theirs.get());
    if (auto sent = send_half_message(s.process->news(), half::octets_of(setup), descriptors); !sent)
      throw SetupError("the packet half takes no set-up: " + words(sent.error()));
    s.await_ready();
  } catch (...) {
    s.own_client.reset();
    s.process.reset();
    throw;
  }
  s.heard = Clock::now();
  s.listen();
}

bool PacketKeeper::runs() const noexcept { return state_->process.has_value(); }

int PacketKeeper::pid() const noexcept { return runs() ? state_->pid : 0; }

void PacketKeeper::tell(const half::Link& link) {
  state_->link = link;
  state_->send_link();
}

void PacketKeeper::tell(const half::Reload& reload) {
  if (state_->process) (void)send_half_message(state_->process->news(), half::octets_of(reload));
}

Result<SecretText, std::string> PacketKeeper::exchange(const SecretText& operation, Clock::duration within) {
  State& s = *state_;
  const auto give_up = Clock::now() + within;
  std::size_t sent = 0;
  SecretText answer;
  while (Clock::now() < give_up) {
    if (!s.process || !s.own_client) return Err{std::string("the packet half is gone")};
    const short wanted = sent < operation.size() ? POLLIN | POLLOUT : POLLIN;
    std::array<pollfd, 3> ready{{{s.own_client.get(), wanted, 0},
                                 {s.requests_closed ? -1 : s.process->requests(), POLLIN, 0},
                                 {s.log_closed ? -1 : s.process->log(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), 1000) < 0 && errno != EINTR) return Err{words(errno)};
    if (ready[2].revents != 0) s.drain_log();
    if (ready[1].revents != 0) s.answer_request();
    if (!s.process) continue;
    if ((ready[0].revents & POLLOUT) != 0 && !s.send_some(operation, sent)) break;
    if ((ready[0].revents & ~POLLOUT) != 0 && !s.receive_some(answer)) break;
    if (answer.size() > kMostAnswerOctets) {
      s.lose(kEndless);
      return Err{std::string("the packet half sent an answer without end")};
    }
    if (answer.size() >= kAnswerEnd.size() && std::equal(kAnswerEnd.begin(), kAnswerEnd.end(), answer.end() - 2))
      return answer;
  }
  return Err{std::string("the packet half does not answer")};
}

std::chrono::steady_clock::duration PacketKeeper::silence() const noexcept { return Clock::now() - state_->heard; }

void PacketKeeper::give_up(std::string_view why) { state_->lose(why); }

void PacketKeeper::end() {
  State& s = *state_;
  if (!s.process) return;
  s.let_go();
  s.process->end(kEnd);
  s.drain_log();
  s.relay.finish(engine::read_monotonic());
  s.process.reset();
}

RequestServer& PacketKeeper::requests() noexcept { return state_->requests; }

}  // namespace culvert::daemon
