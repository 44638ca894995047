// SPDX-License-Identifier: MIT
#include "init.hpp"

#include <fmt/format.h>

#include <functional>

#include "failure.hpp"
#include "files.hpp"
#include "findings.hpp"
#include "init_text.hpp"
#include "interface_name.hpp"
#include "load.hpp"
#include "locate.hpp"
#include "system_entropy.hpp"
#include "values.hpp"
#include "x25519.hpp"

namespace culvert::cli {
namespace {

/// Takes one answer apart; the sentence says why it is wrong.
template <class T>
using Reader = std::function<Result<T, std::string>(const std::string&)>;

/// An option, an answer, or the preset, in this order.
class Questions {
 public:
  Questions(const InitOptions& options, const Console& console) : options_(options), console_(console) {}

  template <class T>
  T get(const std::string& given, std::string_view option, std::string_view question, std::string_view preset,
        const Reader<T>& read) const {
    if (!given.empty() || !may_ask()) {
      if (given.empty() && preset.empty() && !read(""))
        throw Failure(ExitCode::usage, fmt::format("{} is missing ({})", option, question));
      auto value = read(given.empty() ? std::string(preset) : given);
      if (!value) throw Failure(ExitCode::usage, fmt::format("{} {}: {}", option, given, value.error()));
      return std::move(*value);
    }
    const std::string answer =
        ask_until(console_, question, preset, [&](const std::string& text) -> std::optional<std::string> {
          const auto value = read(text);
          if (value) return std::nullopt;
          return value.error();
        });
    return std::move(*read(answer));
  }

  [[nodiscard]] bool may_ask() const {
    return options_.questions == InitOptions::Questions::ask && console_.input == Console::Kind::terminal;
  }

 private:
  const InitOptions& options_;
  const Console& console_;
};

/// A list with commas; spaces are of no account. An empty text is an empty list.
template <class T>
Result<std::vector<T>, std::string> read_list(const std::string& text,
                                              const std::function<Result<T, std::string>(std::string_view)>& one) {
  std::vector<T> list;
  std::string_view rest = config::trimmed(text);
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    auto value = one(config::trimmed(rest.substr(0, comma)));
    if (!value) return Err{value.error()};
    list.push_back(std::move(*value));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return list;
}

Result<std::vector<Prefix>, std::string> read_prefixes(const std::string& text) {
  auto list = read_list<Prefix>(text, config::parse_network);
  if (list && list->empty()) return Err{std::string("give at least one address, such as 10.86.0.1/24")};
  return list;
}

Result<std::vector<IpAddress>, std::string> read_addresses(const std::string& text) {
  return read_list<IpAddress>(text, [](std::string_view word) -> Result<IpAddress, std::string> {
    const auto address = parse_address(word);
    if (!address) return Err{std::string("not an IPv4 or IPv6 address")};
    return *address;
  });
}

Result<std::optional<std::uint32_t>, std::string> read_mtu(const std::string& text) {
  if (text.empty()) return std::optional<std::uint32_t>();
  const auto mtu = config::parse_number(text, 576, 65535);
  if (!mtu) return Err{mtu.error()};
  return std::optional<std::uint32_t>(*mtu);
}

Result<std::string, std::string> read_interface(const std::string& text) {
  if (!text.empty() && !io::is_interface_name(text)) return Err{std::string("not a name that a link can have")};
  return text;
}

Result<bool, std::string> read_yes(const std::string& text) {
  if (text == "y" || text == "Y" || text == "yes") return true;
  if (text == "n" || text == "N" || text == "no") return false;
  return Err{std::string("answer y or n")};
}

/// "HOST", "HOST:PORT", "[V6]:PORT" or a bare IPv6 address.
Result<std::optional<config::HostPort>, std::string> read_endpoint(const std::string& text, std::uint16_t port) {
  if (text.empty()) return std::optional<config::HostPort>();
  if (const auto address = parse_address(text)) return std::optional(config::HostPort{text, port});
  const std::string whole = text.find(':') == std::string::npos ? fmt::format("{}:{}", text, port) : text;
  auto endpoint = config::parse_host_port(whole);
  if (!endpoint) return Err{endpoint.error()};
  return std::optional(std::move(*endpoint));
}

std::string comma_list(const std::vector<Prefix>& prefixes) {
  std::string text;
  for (const Prefix& prefix : prefixes) {
    if (!text.empty()) text += ',';
    text += to_string(prefix);
  }
  return text;
}

GatewayPlan plan_gateway(const InitOptions& options, const Surroundings& around, const Questions& questions) {
  GatewayPlan plan;
  plan.interface = options.interface;
  plan.masquerade = options.masquerade;
  plan.port =
      questions.get<std::uint16_t>(options.port, "--port", "UDP port to listen on", std::to_string(around.free_port),
                                   [](const std::string& text) -> Result<std::uint16_t, std::string> {
                                     const auto port = config::parse_number(text, 1, 65535);
                                     if (!port) return Err{port.error()};
                                     return static_cast<std::uint16_t>(*port);
                                   });
  const bool found = around.outside && is_public(*around.outside);
  plan.public_endpoint = questions.get<std::optional<config::HostPort>>(
      options.endpoint, "--endpoint",
      found ? "Name or address where clients reach this machine"
            : "Name or address where clients reach this machine (none was found)",
      found ? to_string(*around.outside) : "", [&](const std::string& text) { return read_endpoint(text, plan.port); });
  SystemEntropy entropy;
  std::vector<Prefix> in_use;
  for (const config::HostAddress& address : around.addresses) in_use.push_back(masked(address.prefix));
  plan.addresses = questions.get<std::vector<Prefix>>(options.addresses, "--address",
                                                      "Addresses of the gateway in the tunnel, with the pool's length",
                                                      comma_list(draw_pool(entropy, in_use)), read_prefixes);
  plan.outside_interface = questions.get<std::string>(
      options.outside_interface, "--outside", "Interface to the Internet", around.outside_interface, read_interface);
  if (!options.mtu.empty())
    plan.mtu = questions.get<std::optional<std::uint32_t>>(options.mtu, "--mtu", "MTU", "", read_mtu);
  return plan;
}

ClientPlan plan_client(const InitOptions& options, const Questions& questions) {
  ClientPlan plan;
  plan.interface = options.interface;
  plan.kill_switch = options.kill_switch;
  plan.addresses = questions.get<std::vector<Prefix>>(
      options.addresses, "--address", "Addresses in the tunnel that the gateway gave", "", read_prefixes);
  plan.endpoint = questions.get<config::HostPort>(
      options.endpoint, "--endpoint", "The gateway's name or address, and port", "",
      [](const std::string& text) -> Result<config::HostPort, std::string> { return config::parse_host_port(text); });
  plan.gateway = questions.get<PublicKey>(
      options.peer_key, "--peer-key", "The gateway's public key", "",
      [](const std::string& text) -> Result<PublicKey, std::string> { return config::parse_public(text); });
  plan.allowed_ips = questions.get<std::vector<Prefix>>(
      options.allowed_ips, "--allowed-ips", "What goes through the tunnel", "0.0.0.0/0,::/0", read_prefixes);
  for (Prefix& prefix : plan.allowed_ips) prefix = masked(prefix);
  plan.dns = questions.get<std::vector<IpAddress>>(
      options.dns, "--dns", "Resolvers to ask through the tunnel (may be empty)", "", read_addresses);
  if (questions.may_ask() && options.kill_switch == InitOptions::KillSwitch::off &&
      questions.get<bool>("", "--kill-switch", "Let nothing out beside the tunnel", "n", read_yes))
    plan.kill_switch = InitOptions::KillSwitch::on;
  if (!options.mtu.empty())
    plan.mtu = questions.get<std::optional<std::uint32_t>>(options.mtu, "--mtu", "MTU", "", read_mtu);
  return plan;
}

/// What the answers make must be good: they may be right each, and yet not go together.
void require_good(const std::string& interface, const std::string& path, const SecretText& text,
                  const Console& console) {
  const auto read =
      config::read_toml(interface, {path, view_of(text), config::Readers::owner}, {}, config::KeySources::none());
  if (read) return print_findings(read->warnings, console);
  print_findings(read.error(), console);
  throw Failure(ExitCode::invalid, "these answers do not go together; nothing was written");
}

void tell_gateway(const GatewayPlan& plan, const std::string& path, const Console& console) {
  console.err(fmt::format("Wrote {}.\n", path));
  if (!plan.public_endpoint)
    console.err("This machine's public address was not found: set public_endpoint there before adding clients.\n");
  console.err(fmt::format("Next:  culvert peer add {0} NAME    then:  culvert up {0}\n", plan.interface));
}

}  // namespace

void init(const InitOptions& options, const std::string& config_folder, const Surroundings& around,
          const Console& console) {
  require_interface_name(options.interface);
  const std::string path = config_path(options.interface, config_folder);
  // Nobody should answer seven questions to hear this.
  require_free(path, options.existing);
  const Questions questions(options, console);
  SystemEntropy entropy;
  const PrivateKey key = crypto::generate_private_key(entropy);
  const std::string public_key = to_base64(crypto::public_key(key));
  switch (options.role) {
    case InitOptions::Role::gateway: {
      const GatewayPlan plan = plan_gateway(options, around, questions);
      const SecretText text = gateway_text(plan, key);
      require_good(options.interface, path, text, console);
      const io::UniqueFd lock = lock_config(path);
      write_private_file(path, view_of(text), options.existing);
      tell_gateway(plan, path, console);
      break;
    }
    case InitOptions::Role::client: {
      const ClientPlan plan = plan_client(options, questions);
      const SecretText text = client_text(plan, key);
      require_good(options.interface, path, text, console);
      const io::UniqueFd lock = lock_config(path);
      write_private_file(path, view_of(text), options.existing);
      console.err(
          fmt::format("Wrote {}.\nNext, on the gateway:  culvert peer add wg0 NAME --public-key {} --address {}\n"
                      "Then here:             culvert up {}\n",
                      path, public_key, comma_list(plan.addresses), options.interface));
      break;
    }
  }
  console.err("The public key of this end, which others need:\n");
  console.out(public_key + "\n");
}

}  // namespace culvert::cli
