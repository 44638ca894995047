// SPDX-License-Identifier: MIT
#include "metrics_server.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <atomic>
#include <thread>
#include <vector>

using namespace culvert;
using namespace culvert::control;

namespace {

/// A server on a loopback port of the kernel's choice, with a thread of its own.
struct Serving {
  Serving() {
    io::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    REQUIRE(::listen(fd.get(), 64) == 0);
    socklen_t octets = sizeof name;
    REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &octets) == 0);
    address = name;
    server = std::make_unique<MetricsServer>(context, std::move(fd), [this] {
      ++made;
      return std::string("# page\n");
    });
    thread = std::thread([this] { context.run(); });
  }
  ~Serving() {
    context.stop();
    thread.join();
    server.reset();
  }
  [[nodiscard]] io::UniqueFd connect() const {
    io::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return fd;
  }
  [[nodiscard]] std::string ask(std::string_view request) const {
    const io::UniqueFd fd = connect();
    (void)::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return read_all(fd);
  }
  static std::string read_all(const io::UniqueFd& fd) {
    std::string all;
    char part[4096];
    for (ssize_t n = 0; (n = ::read(fd.get(), part, sizeof part)) > 0;) all.append(part, static_cast<std::size_t>(n));
    return all;
  }

  sockaddr_in address{};
  std::atomic<int> made{0};
  asio::io_context context{1};
  std::unique_ptr<MetricsServer> server;
  std::thread thread;
};

}  // namespace

TEST_CASE("GET /metrics brings the page with its type and length, HEAD the same without it") {
  const Serving serving;
  const std::string got = serving.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(got.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(got.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") != std::string::npos);
  CHECK(got.find("Content-Length: 7\r\n") != std::string::npos);
  CHECK(got.ends_with("\r\n\r\n# page\n"));
  const std::string head = serving.ask("HEAD /metrics?x=1 HTTP/1.0\r\n\r\n");
  CHECK(head.find("Content-Length: 7\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
}

TEST_CASE("anything else gets the status that HTTP has for it") {
  CHECK(judge_request("GET / HTTP/1.1\r\n\r\n").status == 404);
  CHECK(judge_request("GET /metricsx HTTP/1.1\r\n\r\n").status == 404);
  CHECK(judge_request("GET /metrics HTTP/2\r\n\r\n").status == 400);
  CHECK(judge_request("GET /metrics\r\n\r\n").status == 400);
  CHECK(judge_request("\r\n\r\n").status == 400);
  CHECK(judge_request("POST /metrics HTTP/1.1\r\n\r\n").status == 405);
  CHECK(judge_request("get /metrics HTTP/1.1\r\n\r\n").status == 405);
  CHECK(judge_request("GET /metrics HTTP/1.1\r\n\r\n").status == 200);
}

TEST_CASE("a head beyond 8 KiB is refused, however it arrives") {
  const Serving serving;
  const std::string got = serving.ask("GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x'));
  // The rest of the request may meet a closed socket, and then the answer is lost with it: there is no page either way.
  CHECK((got.empty() || got.starts_with("HTTP/1.1 431 ")));
  CHECK(got.find("# page") == std::string::npos);
}

TEST_CASE("a hundred clients that say nothing do not keep one that asks from its page") {
  const Serving serving;
  std::vector<io::UniqueFd> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(serving.connect());
  CHECK(serving.ask("GET /metrics HTTP/1.1\r\n\r\n").ends_with("# page\n"));
}

TEST_CASE("many requests within a second cost one page") {
  const Serving serving;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) CHECK(serving.ask("GET /metrics HTTP/1.1\r\n\r\n").ends_with("# page\n"));
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(serving.made <= 1 + took / std::chrono::seconds(1));
}
