// SPDX-License-Identifier: MIT
// The foreign client: `wg` itself against our server and a device in memory. `wg` knows one path only, so the whole
// test moves into a mount namespace of its own, with an empty /var/run.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "uapi_server.hpp"
#include "uapi_support.hpp"

using namespace culvert;
using namespace culvert::control;
using namespace culvert::control::test;

namespace {

using namespace std::chrono_literals;

constexpr int kSkipped = 77;

// Some private key and two public ones that do not belong to it.
constexpr const char* kPrivate = "UCEWTmR0Z4nYmmxbrtjcYe35xuEBlEmsCbZLiTWW90U=";
constexpr const char* kPeerA = "1mW25vOrCnhyRQZlghn2PiRjuDwvl4B0KQm0vMrSaXk=";
constexpr const char* kPeerB = "5xPzgd8oyVnZpz4MP3y7AMPQcRBbTWKuYXzW8Hg1KkA=";

struct Outcome {
  int status = -1;
  std::string output;
};

/// Serves on the test's thread while a shell runs `command` beside it.
struct Fixture {
  asio::io_context context;
  ModelDevice device;
  TemporaryDirectory directory;
  std::unique_ptr<UapiServer> server;

  Fixture() {
    auto socket = UapiSocket::open(uapi_socket_path("wgtest"));
    if (!socket) FAIL(socket.error().text);
    server = std::make_unique<UapiServer>(context, device, std::move(*socket));
  }

  Outcome run(const std::string& command) {
    Outcome outcome;
    const std::string output = directory / "output";
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(fd, 1);
      ::dup2(fd, 2);
      ::execlp("timeout", "timeout", "60", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    while (::waitpid(child, &outcome.status, WNOHANG) == 0) {
      context.restart();
      context.run_one_for(10ms);
    }
    std::stringstream text;
    text << std::ifstream(output).rdbuf();
    outcome.output = text.str();
    return outcome;
  }
  /// Runs `wg ARGUMENTS`, which must succeed.
  std::string wg(const std::string& arguments) {
    const Outcome outcome = run("wg " + arguments);
    INFO(arguments);
    INFO(outcome.output);
    CHECK(outcome.status == 0);
    return outcome.output;
  }
  std::string file(const std::string& name, const std::string& content) {
    std::ofstream(directory / name) << content;
    return directory / name;
  }
};

std::string base64_of(int number) {
  Octets<32> octets{};
  octets[0] = static_cast<std::uint8_t>(number);
  octets[1] = static_cast<std::uint8_t>(number >> 8);
  octets[31] = 1;
  return to_base64(PublicKey{octets});
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "wg lists the interface") { CHECK(wg("show interfaces") == "wgtest\n"); }

TEST_CASE_FIXTURE(Fixture, "what wg set says, wg show dump tells") {
  const std::string key = file("key", std::string(kPrivate) + "\n");
  const std::string psk = file("psk", std::string(kPeerB) + "\n");
  CHECK(wg("set wgtest private-key " + key + " listen-port 51820 fwmark 0xca6c peer " + kPeerA + " preshared-key " +
           psk + " endpoint '[2001:db8::7]:4242' persistent-keepalive 25 allowed-ips 10.7.0.0/16,fd00::/8")
            .empty());
  std::string own = run("wg pubkey < " + key).output;
  own.pop_back();
  CHECK(wg("show wgtest dump") == std::string(kPrivate) + "\t" + own + "\t51820\t0xca6c\n" + kPeerA + "\t" + kPeerB +
                                      "\t[2001:db8::7]:4242\t10.7.0.0/16,fd00::/8\t0\t0\t0\t25\n");

  wg("set wgtest peer " + std::string(kPeerB) + " allowed-ips 10.7.0.0/16 endpoint 192.0.2.1:9");
  CHECK(wg("show wgtest allowed-ips") == std::string(kPeerA) + "\tfd00::/8\n" + kPeerB + "\t10.7.0.0/16\n");
  wg("set wgtest private-key /dev/null fwmark off listen-port 0 peer " + std::string(kPeerA) + " remove");
  CHECK(wg("show wgtest dump") ==
        "(none)\t(none)\t0\toff\n" + std::string(kPeerB) + "\t(none)\t192.0.2.1:9\t10.7.0.0/16\t0\t0\t0\toff\n");
}

TEST_CASE_FIXTURE(Fixture, "wg names the device's error") {
  device.refuse_with = EADDRINUSE;
  const Outcome outcome = run("LC_ALL=C wg set wgtest listen-port 5");
  CHECK(WIFEXITED(outcome.status));
  CHECK(WEXITSTATUS(outcome.status) == 1);
  CHECK(outcome.output == "Unable to modify interface: Address already in use\n");
}

TEST_CASE_FIXTURE(Fixture, "what showconf writes, setconf and syncconf take back") {
  const std::string conf =
      file("a.conf", std::string("[Interface]\nListenPort = 7\nFwMark = 0x10\nPrivateKey = ") + kPrivate +
                         "\n\n[Peer]\nPublicKey = " + kPeerA + "\nPresharedKey = " + kPeerB +
                         "\nAllowedIPs = 10.0.0.0/8\nEndpoint = 192.0.2.1:1\n"
                         "PersistentKeepalive = 5\n\n[Peer]\nPublicKey = " +
                         kPeerB + "\nAllowedIPs = fd00::/8\n");
  wg("setconf wgtest " + conf);
  const std::string shown = wg("showconf wgtest");
  CHECK(shown.find("ListenPort = 7\n") != std::string::npos);
  CHECK(shown.find("PersistentKeepalive = 5\n") != std::string::npos);
  const std::string again = file("b.conf", shown);
  wg("setconf wgtest " + again);
  CHECK(wg("showconf wgtest") == shown);
  wg("syncconf wgtest " + again);
  CHECK(wg("showconf wgtest") == shown);

  // syncconf removes the peer that the file no longer names, and keeps the other.
  const std::string less = file("c.conf", std::string("[Interface]\nPrivateKey = ") + kPrivate +
                                              "\n[Peer]\nPublicKey = " + kPeerA + "\nAllowedIPs = 10.0.0.0/8\n");
  wg("syncconf wgtest " + less);
  CHECK(wg("show wgtest peers") == std::string(kPeerA) + "\n");
  // addconf leaves what it does not name.
  wg("addconf wgtest " + file("d.conf", std::string("[Peer]\nPublicKey = ") + kPeerB + "\n"));
  CHECK(device.peer_count() == 2);
}

TEST_CASE_FIXTURE(Fixture, "wg setconf with ten thousand peers") {
  std::string conf = std::string("[Interface]\nPrivateKey = ") + kPrivate + "\n";
  for (int i = 0; i < 10000; ++i)
    conf += "[Peer]\nPublicKey = " + base64_of(i) + "\nAllowedIPs = 10." + std::to_string(i / 256) + "." +
            std::to_string(i % 256) + ".0/24\nEndpoint = 192.0.2.1:" + std::to_string(i + 1) + "\n";
  wg("setconf wgtest " + file("many.conf", conf));
  CHECK(device.peer_count() == 10000);
  const std::string dump = wg("show wgtest dump");
  CHECK(std::count(dump.begin(), dump.end(), '\n') == 10001);
}

TEST_CASE_FIXTURE(Fixture, "wg show works while a thousand connections stand idle") {
  const std::string idle = file("idle.sh",
                                "exec python3 -c '\n"
                                "import resource, socket\n"
                                "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))\n"
                                "held = []\n"
                                "for i in range(1000):\n"
                                "  s = socket.socket(socket.AF_UNIX); s.connect(\"/var/run/wireguard/wgtest.sock\")\n"
                                "  held.append(s)\n"
                                "import subprocess, sys\n"
                                "sys.exit(subprocess.call([\"wg\", \"show\", \"wgtest\", \"dump\"], timeout=4))'\n");
  const Outcome outcome = run("command -v python3 >/dev/null || exit 42; sh " + idle);
  if (WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 42) {
    MESSAGE("skipped: no python3");
    return;
  }
  INFO(outcome.output);
  CHECK(outcome.status == 0);
  CHECK(outcome.output == "(none)\t(none)\t0\toff\n");
}

int main(int argc, char** argv) {
  if (::geteuid() != 0) {
    std::puts("skipped: a mount namespace of our own needs root");
    return kSkipped;
  }
  if (std::system("command -v wg >/dev/null 2>&1") != 0) {
    std::puts("skipped: wg is not installed (package wireguard-tools)");
    return kSkipped;
  }
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", "/var/run", "tmpfs", 0, "mode=0755") != 0) {
    std::printf("skipped: no mount namespace of our own: %s\n", std::strerror(errno));
    return kSkipped;
  }
  return doctest::Context(argc, argv).run();
}
