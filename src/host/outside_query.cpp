// SPDX-License-Identifier: MIT
#include "outside_query.hpp"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "socket_name.hpp"
#include "unique_fd.hpp"

namespace culvert::host {
namespace {

constexpr int kTries = 3;
constexpr int kPatience = 2000;  // milliseconds a try
constexpr std::size_t kLargestQuestion = 512;
constexpr std::size_t kLargestAnswer = 4096;

int type_of(Family family) noexcept { return family == Family::v4 ? ns_t_a : ns_t_aaaa; }

/// The question as the library of the system builds it. Empty: the name is none.
std::vector<std::uint8_t> question_for(const std::string& name, Family family) {
  struct __res_state state {};
  if (::res_ninit(&state) != 0) return {};
  std::vector<std::uint8_t> question(kLargestQuestion);
  const int length = ::res_nmkquery(&state, ns_o_query, name.c_str(), ns_c_in, type_of(family), nullptr, 0, nullptr,
                                    question.data(), static_cast<int>(question.size()));
  ::res_nclose(&state);
  question.resize(static_cast<std::size_t>(std::max(length, 0)));
  return question;
}

io::UniqueFd connected_to(const IpAddress& server, std::uint32_t mark) {
  io::UniqueFd fd(::socket(io::socket_domain(server.family), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) return {};
  return io::connect_to(fd.get(), {server, NS_DEFAULTPORT, 0}) == 0 ? std::move(fd) : io::UniqueFd{};
}

}  // namespace

std::vector<IpAddress> read_answer(Bytes question, Bytes answer, Family family) {
  std::vector<IpAddress> addresses;
  ns_msg parsed{};
  if (question.size() < NS_HFIXEDSZ || answer.size() > std::numeric_limits<int>::max() ||
      ::ns_initparse(answer.data(), static_cast<int>(answer.size()), &parsed) != 0)
    return addresses;
  // The same number and, behind the header, the same question.
  const Bytes asked = question.subspan(NS_HFIXEDSZ);
  if (ns_msg_getflag(parsed, ns_f_qr) != 1 || !std::equal(question.begin(), question.begin() + 2, answer.begin()) ||
      answer.size() < question.size() || !std::equal(asked.begin(), asked.end(), answer.begin() + NS_HFIXEDSZ))
    return addresses;
  for (int i = 0; i < ns_msg_count(parsed, ns_s_an); ++i) {
    ns_rr record{};
    if (::ns_parserr(&parsed, ns_s_an, i, &record) != 0) break;
    IpAddress address{.family = family, .octets = {}};
    if (ns_rr_type(record) != type_of(family) || ns_rr_rdlen(record) != address.bytes().size()) continue;
    std::copy_n(ns_rr_rdata(record), address.bytes().size(), address.octets.begin());
    addresses.push_back(address);
  }
  return addresses;
}

std::vector<IpAddress> query_outside(const IpAddress& server, const std::string& name, Family family,
                                     std::uint32_t mark) {
  const std::vector<std::uint8_t> question = question_for(name, family);
  const io::UniqueFd fd = connected_to(server, mark);
  if (question.empty() || !fd) return {};
  std::array<std::uint8_t, kLargestAnswer> answer{};
  for (int attempt = 0; attempt < kTries; ++attempt) {
    if (::send(fd.get(), question.data(), question.size(), 0) < 0 && errno != ECONNREFUSED) return {};
    pollfd readable{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, kPatience) <= 0) continue;
    const ssize_t got = ::recv(fd.get(), answer.data(), answer.size(), 0);
    if (got < 0) return {};  // nobody listens there
    const Bytes whole = Bytes(answer).first(static_cast<std::size_t>(got));
    // A forged datagram costs a try; a true answer without addresses is an answer.
    if (got >= 2 && std::equal(question.begin(), question.begin() + 2, whole.begin()))
      return read_answer(question, whole, family);
  }
  return {};
}

}  // namespace culvert::host
