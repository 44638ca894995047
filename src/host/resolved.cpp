// SPDX-License-Identifier: MIT
#include "resolved.hpp"

#include <net/if.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include <cerrno>
#include <memory>

namespace culvert::host {
namespace {

constexpr std::uint64_t kPatience = 5'000'000;  // microseconds

constexpr const char* kService = "org.freedesktop.resolve1";
constexpr const char* kPath = "/org/freedesktop/resolve1";
constexpr const char* kManager = "org.freedesktop.resolve1.Manager";

struct Release {
  void operator()(sd_bus* bus) const noexcept { sd_bus_flush_close_unref(bus); }
  void operator()(sd_bus_message* message) const noexcept { sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, Release>;
using Message = std::unique_ptr<sd_bus_message, Release>;

class BusError {
 public:
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { sd_bus_error_free(&error_); }
  [[nodiscard]] sd_bus_error* get() noexcept { return &error_; }

 private:
  sd_bus_error error_{};
};

Failure failure(const std::string& interface, std::string reason) {
  return {0, "DNS of " + interface + " by systemd-resolved", std::move(reason),
          "is systemd-resolved running? `backend = \"file\"` under [dns] does without it"};
}

Result<Bus, int> connect(const std::string& address) {
  sd_bus* bus = nullptr;
  int error = 0;
  if (address.empty()) {
    error = sd_bus_open_system(&bus);
  } else {
    error = sd_bus_new(&bus);
    if (error >= 0) error = sd_bus_set_address(bus, address.c_str());
    if (error >= 0) error = sd_bus_set_bus_client(bus, 1);
    if (error >= 0) error = sd_bus_start(bus);
  }
  Bus opened(bus);
  if (error < 0) return Err{-error};
  sd_bus_set_method_call_timeout(opened.get(), kPatience);
  return opened;
}

Result<Message, int> method(const Bus& bus, const char* name) {
  sd_bus_message* message = nullptr;
  const int error = sd_bus_message_new_method_call(bus.get(), &message, kService, kPath, kManager, name);
  if (error < 0) return Err{-error};
  return Message(message);
}

Result<void, std::string> call(const Bus& bus, const Message& message, int built) {
  BusError error;
  const int called = built < 0 ? built : sd_bus_call(bus.get(), message.get(), 0, error.get(), nullptr);
  if (called >= 0) return {};
  return Err{error.get()->message != nullptr ? std::string(error.get()->message) : system_failure(-called, "").reason};
}

Result<void, std::string> set_servers(const Bus& bus, int link, const step::Dns& step) {
  const auto message = method(bus, "SetLinkDNS");
  if (!message) return Err{system_failure(message.error(), "").reason};
  sd_bus_message* const out = message->get();
  int built = sd_bus_message_append(out, "i", link);
  if (built >= 0) built = sd_bus_message_open_container(out, 'a', "(iay)");
  for (const IpAddress& server : step.servers) {
    if (built >= 0) built = sd_bus_message_open_container(out, 'r', "iay");
    if (built >= 0) built = sd_bus_message_append(out, "i", server.family == Family::v4 ? AF_INET : AF_INET6);
    if (built >= 0) built = sd_bus_message_append_array(out, 'y', server.bytes().data(), server.bytes().size());
    if (built >= 0) built = sd_bus_message_close_container(out);
  }
  if (built >= 0) built = sd_bus_message_close_container(out);
  return call(bus, *message, built);
}

Result<void, std::string> set_domains(const Bus& bus, int link, const step::Dns& step) {
  const auto message = method(bus, "SetLinkDomains");
  if (!message) return Err{system_failure(message.error(), "").reason};
  sd_bus_message* const out = message->get();
  int built = sd_bus_message_append(out, "i", link);
  if (built >= 0) built = sd_bus_message_open_container(out, 'a', "(sb)");
  // A domain is one to search, or, written with a tilde, one that only leads to this link.
  for (const std::string& domain : step.search) {
    const bool leads = domain.front() == '~';
    if (built >= 0) built = sd_bus_message_append(out, "(sb)", domain.c_str() + (leads ? 1 : 0), leads ? 1 : 0);
  }
  if (built >= 0 && step.names == step::Dns::Names::all) built = sd_bus_message_append(out, "(sb)", ".", 1);
  if (built >= 0) built = sd_bus_message_close_container(out);
  return call(bus, *message, built);
}

Result<void, std::string> set_default_route(const Bus& bus, int link, const step::Dns& step) {
  const auto message = method(bus, "SetLinkDefaultRoute");
  if (!message) return Err{system_failure(message.error(), "").reason};
  return call(bus, *message,
              sd_bus_message_append(message->get(), "ib", link, step.names == step::Dns::Names::all ? 1 : 0));
}

/// What was learnt before the change is not to be answered after it.
Result<void, std::string> flush(const Bus& bus) {
  const auto message = method(bus, "FlushCaches");
  if (!message) return Err{system_failure(message.error(), "").reason};
  return call(bus, *message, 0);
}

}  // namespace

bool resolved_answers(const std::string& address) {
  const auto bus = connect(address);
  if (!bus) return false;
  BusError error;
  return sd_bus_call_method(bus->get(), kService, kPath, "org.freedesktop.DBus.Peer", "Ping", error.get(), nullptr,
                            nullptr) >= 0;
}

Result<Before, Failure> look_at_resolved(const std::string& interface) {
  return Before{{"way", "resolved"}, {"link", std::to_string(::if_nametoindex(interface.c_str()))}};
}

Result<void, Failure> set_resolved(const std::string& address, const std::string& interface, const step::Dns& step) {
  const auto bus = connect(address);
  if (!bus) return Err{failure(interface, "the message bus: " + system_failure(bus.error(), "").reason)};
  const int link = static_cast<int>(::if_nametoindex(interface.c_str()));
  if (link == 0) return Err{failure(interface, "the interface is gone")};
  auto done = set_servers(*bus, link, step);
  if (done) done = set_domains(*bus, link, step);
  if (done) done = set_default_route(*bus, link, step);
  if (done) done = flush(*bus);
  if (!done) return Err{failure(interface, done.error())};
  return {};
}

Result<void, Failure> restore_resolved(const std::string& address, const std::string& interface, const Before& before) {
  const std::string link = std::to_string(::if_nametoindex(interface.c_str()));
  const auto known = before.find("link");
  if (known == before.end() || known->second != link || link == "0") return {};
  const auto bus = connect(address);
  if (!bus) return {};
  const auto message = method(*bus, "RevertLink");
  if (!message) return {};
  const auto done = call(*bus, *message, sd_bus_message_append(message->get(), "i", std::stoi(link)));
  if (done) {
    if (const auto flushed = flush(*bus); !flushed) return Err{failure(interface, flushed.error())};
    return {};
  }
  if (!resolved_answers(address)) return {};  // it stopped, and its settings with it
  return Err{failure(interface, done.error())};
}

}  // namespace culvert::host
