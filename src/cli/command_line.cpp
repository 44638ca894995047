// SPDX-License-Identifier: MIT
// The grammar of the command line, by CLI11. Each `add_*` describes one verb and writes into its struct; the callback
// of the verb that was given puts that struct into the result.
#include "command_line.hpp"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <memory>

#include "failure.hpp"
#include "suggest.hpp"

namespace culvert::cli {
namespace {

constexpr std::array<std::string_view, 18> kVerbs{"up",     "down",    "reload", "portal", "status", "check",
                                                  "init",   "peer",    "import", "export", "genkey", "pubkey",
                                                  "genpsk", "version", "help",   "doctor", "events", "capture"};
constexpr std::array<std::string_view, 5> kPeerVerbs{"add", "remove", "list", "show", "rotate"};

constexpr const char* kFooter =
    "NAME is the interface; its file is /etc/culvert/NAME.toml, with a file for each peer in NAME.d/.\n"
    "culvert(8) says more: the five first minutes, exit codes, files.";

/// Where the verb that was given leaves its options.
using Given = std::function<void(Verb)>;

/// A flag that turns an enumeration to one value.
template <class Enum>
CLI::Option* flag(CLI::App& app, const std::string& name, Enum& target, Enum value, const std::string& text) {
  return app.add_flag_callback(
      name, [&target, value] { target = value; }, text);
}

template <class Options>
std::shared_ptr<Options> options_of(CLI::App& app, const Given& given) {
  auto options = std::make_shared<Options>();
  app.callback([options, given] { given(*options); });
  return options;
}

/// An option whose value is a list with commas, and which may be repeated. It takes one word each time, whatever stands
/// behind it.
CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<std::string>& target,
                      const std::string& text) {
  return app.add_option(name, target, text)->type_name("LIST")->delimiter(',')->allow_extra_args(false);
}

void add_interface(CLI::App& app, std::string& target, const std::string& text = "the interface's name") {
  app.add_option("NAME", target, text)->required()->type_name("");
}

void add_lifecycle(CLI::App& app, const Given& given) {
  auto& up = *app.add_subcommand("up", "Bring a tunnel up, and return when it is");
  auto up_options = options_of<UpOptions>(up, given);
  up.add_option("NAME", up_options->what, "the interface's name, or a file (.toml, or .conf of wg-quick)")
      ->required()
      ->type_name("");

  auto& down = *app.add_subcommand("down", "Take a tunnel down and undo all that it changed on this machine");
  add_interface(down, options_of<DownOptions>(down, given)->name);

  auto& reload = *app.add_subcommand("reload", "Apply what has changed in the file; sessions of other peers go on");
  auto reload_options = options_of<ReloadOptions>(reload, given);
  add_interface(reload, reload_options->name);
  flag(reload, "--dry-run", reload_options->mode, ReloadOptions::Mode::show_differences,
       "only print what would change");

  auto& portal = *app.add_subcommand("portal", "Let a log-in page of a hotel through the kill switch for a while");
  auto portal_options = options_of<PortalOptions>(portal, given);
  add_interface(portal, portal_options->name);
  portal.add_option("--minutes", portal_options->minutes, "for how long (10)")
      ->check(CLI::Range(0, 60))
      ->type_name("N");
}

void add_status(CLI::App& app, const Given& given) {
  auto& status = *app.add_subcommand("status", "Show what runs: peers, their states, what went through");
  auto options = options_of<StatusOptions>(status, given);
  status.add_option("NAME", options->interface, "one interface (all)")->type_name("");
  auto* json =
      flag(status, "--json", options->form, StatusOptions::Form::json, "for programs, in the names of wg's JSON");
  flag(status, "--watch,-w", options->form, StatusOptions::Form::watch, "live, with rates; q ends")->excludes(json);
}

void add_diagnosis(CLI::App& app, const Given& given) {
  auto& doctor = *app.add_subcommand("doctor", "Find out why a tunnel does not work, and what mends it");
  auto options = options_of<DoctorOptions>(doctor, given);
  doctor.add_option("NAME", options->name, "the interface's name (the one that runs)")->type_name("");
  flag(doctor, "--json", options->form, DoctorOptions::Form::json, "for programs");

  auto& events = *app.add_subcommand("events", "Print what happens in a tunnel as it happens, a line of JSON each");
  auto events_options = options_of<EventsOptions>(events, given);
  add_interface(events, events_options->name);
  events.add_flag_callback(
      "--follow,-f", [] {}, "go on until the tunnel ends, as without it");

  auto& capture = *app.add_subcommand("capture", "Write the packets inside a tunnel as pcapng, for Wireshark");
  auto capture_options = options_of<CaptureOptions>(capture, given);
  add_interface(capture, capture_options->name);
  capture.add_option("--peer,-p", capture_options->peers, "of this one, by name or public key; may be repeated (all)")
      ->type_name("PEER")
      ->allow_extra_args(false);
  capture.add_option("-w,--write", capture_options->output, "to this file, or - (standard output)")->type_name("FILE");
  capture.add_option("--count,-c", capture_options->count, "end after so many packets")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  capture.add_option("--seconds", capture_options->seconds, "end after so long")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("S");
  capture.add_option("--snap", capture_options->snap, "octets of a packet (65535)")
      ->check(CLI::Range(1, 65535))
      ->type_name("N");
  capture
      .add_option("--keys", capture_options->keys, "also what opens the tunnel's own datagrams, where key_log is set")
      ->type_name("FILE");
}

void add_files(CLI::App& app, const Given& given) {
  auto& check = *app.add_subcommand("check", "Check a configuration and print all findings; change nothing");
  check.add_option("NAME", options_of<CheckOptions>(check, given)->what, "the interface's name, or a file")
      ->required()
      ->type_name("");

  auto& import = *app.add_subcommand("import", "Turn a wg-quick file into a configuration of Culvert");
  auto import_options = options_of<ImportOptions>(import, given);
  import.add_option("FILE", import_options->file, "NAME.conf")->required()->type_name("");
  import.add_option("--name", import_options->name, "the interface's name (the file's)")->type_name("NAME");
  flag(import, "--force", import_options->existing, Existing::replace, "replace an existing file");

  auto& output = *app.add_subcommand("export", "Print a configuration as a wg-quick file, private key included");
  auto export_options = options_of<ExportOptions>(output, given);
  output.add_option("NAME", export_options->what, "the interface's name, or a file")->required()->type_name("");
  output.add_option("-o,--output", export_options->output, "write a file, readable by its owner alone")
      ->type_name("FILE");
  flag(output, "--force", export_options->existing, Existing::replace, "replace an existing file");
}

void add_keys(CLI::App& app, const Given& given) {
  const auto add = [&](const std::string& name, const std::string& text, KeyOptions::Kind kind) {
    app.add_subcommand(name, text)->callback([given, kind] { given(KeyOptions{kind}); });
  };
  add("genkey", "Print a new private key", KeyOptions::Kind::private_key);
  add("pubkey", "Read a private key and print its public key", KeyOptions::Kind::public_key);
  add("genpsk", "Print a new preshared key", KeyOptions::Kind::preshared_key);
}

void add_init_common(CLI::App& app, InitOptions& options) {
  add_interface(app, options.interface, "the interface's name, such as wg0");
  app.add_option("--mtu", options.mtu, "of the interface (from the route)")->type_name("N");
  flag(app, "--force", options.existing, Existing::replace, "replace an existing file");
  flag(app, "--yes,-y", options.questions, InitOptions::Questions::none,
       "ask nothing; take what is not given as found");
}

void add_init(CLI::App& app, const Given& given) {
  auto& init = *app.add_subcommand("init", "Write a commented configuration from a few answers or options");
  init.require_subcommand(1);

  auto& gateway = *init.add_subcommand("gateway", "for a machine that others connect to");
  auto options = options_of<InitOptions>(gateway, given);
  add_init_common(gateway, *options);
  gateway.add_option("--address", options->addresses, "of the gateway in the pool, such as 10.86.0.1/24")
      ->type_name("LIST");
  gateway.add_option("--port", options->port, "UDP port (51820, or the next free one)")->type_name("N");
  gateway.add_option("--endpoint", options->endpoint, "where clients reach it (found)")->type_name("HOST[:PORT]");
  gateway.add_option("--outside", options->outside_interface, "interface to the Internet (found)")->type_name("IF");
  flag(gateway, "--no-masquerade", options->masquerade, InitOptions::Masquerade::no,
       "clients keep their addresses outside; routers there must know them");

  auto& client = *init.add_subcommand("client", "for a machine that connects to a gateway");
  auto client_options = options_of<InitOptions>(client, given);
  client_options->role = InitOptions::Role::client;
  add_init_common(client, *client_options);
  client.add_option("--address", client_options->addresses, "that the gateway gave, such as 10.86.0.2/32")
      ->type_name("LIST");
  client.add_option("--endpoint", client_options->endpoint, "of the gateway")->type_name("HOST:PORT");
  client.add_option("--peer-key", client_options->peer_key, "the gateway's public key")->type_name("KEY");
  client.add_option("--allowed-ips", client_options->allowed_ips, "what goes through the tunnel (everything)")
      ->type_name("LIST");
  client.add_option("--dns", client_options->dns, "servers to ask through the tunnel")->type_name("LIST");
  flag(client, "--kill-switch", client_options->kill_switch, InitOptions::KillSwitch::on,
       "let nothing out beside the tunnel");
}

void add_client_output(CLI::App& app, ClientOutput& client) {
  app.add_option("-o,--output", client.file, "write the client's file")->type_name("FILE");
  flag(app, "--toml", client.form, ClientOutput::Form::toml, "the client's file in Culvert's form, not wg-quick's");
  flag(app, "--full-tunnel", client.reach, ClientOutput::Reach::everything, "all of its traffic goes through");
  add_list(app, "--dns", client.dns, "resolvers for it to ask through the tunnel");
  app.add_option("--qr-png", client.qr_png, "write its QR code as a picture")->type_name("FILE");
  app.add_option("--qr-svg", client.qr_svg, "the same as SVG")->type_name("FILE");
  auto* show =
      flag(app, "--qr", client.terminal, ClientOutput::Terminal::qr, "show the QR code here, even beside a file");
  flag(app, "--no-qr", client.terminal, ClientOutput::Terminal::no_qr, "show none")->excludes(show);
  flag(app, "--force", client.existing, Existing::replace, "replace existing files of the client");
}

void add_peer_add(CLI::App& peer, const Given& given) {
  auto& add = *peer.add_subcommand("add", "Add a peer, and make what its device needs");
  auto options = options_of<PeerAddOptions>(add, given);
  add_interface(add, options->interface);
  add.add_option("PEER", options->name, "its name")->required()->type_name("");
  add.add_option("--public-key", options->public_key, "its key, where it has made one (one is made)")->type_name("KEY");
  add_list(add, "--address", options->addresses, "in the tunnel (the next free of the pool)");
  add_list(add, "--allowed-ips", options->allowed_ips, "networks behind it");
  add.add_option("--endpoint", options->endpoint, "where it is reached (it calls)")->type_name("HOST:PORT");
  add.add_option("--expires", options->expires, "when it ends: 30d, 12h, or a date")->type_name("WHEN");
  flag(add, "--no-preshared-key", options->preshared, PeerAddOptions::Preshared::none, "leave the preshared key out");
  add_client_output(add, options->client);
}

void add_peer(CLI::App& app, const Given& given) {
  auto& peer = *app.add_subcommand("peer", "Add, remove, list and show peers, or change their keys");
  peer.require_subcommand(1);
  add_peer_add(peer, given);

  auto& remove = *peer.add_subcommand("remove", "Remove a peer");
  auto remove_options = options_of<PeerRemoveOptions>(remove, given);
  add_interface(remove, remove_options->interface);
  remove.add_option("PEER", remove_options->name, "name or public key")->required()->type_name("");

  auto& list = *peer.add_subcommand("list", "List the peers of the configuration");
  add_interface(list, options_of<PeerListOptions>(list, given)->interface);

  auto& show = *peer.add_subcommand("show", "Show one peer");
  auto show_options = options_of<PeerShowOptions>(show, given);
  add_interface(show, show_options->interface);
  show.add_option("PEER", show_options->name, "name or public key")->required()->type_name("");

  auto& rotate = *peer.add_subcommand("rotate", "Give a peer new keys, and make its file anew");
  auto rotate_options = options_of<PeerRotateOptions>(rotate, given);
  add_interface(rotate, rotate_options->interface);
  rotate.add_option("PEER", rotate_options->name, "name or public key")->required()->type_name("");
  rotate.add_option("--public-key", rotate_options->public_key, "its new key, where it has made one")->type_name("KEY");
  add_client_output(rotate, rotate_options->client);
}

/// The heading under which help lists them.
void call_them_verbs(CLI::App& app) {
  for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    verb->group("Verbs");
    call_them_verbs(*verb);
  }
}

void build(CLI::App& app, std::string& config_folder, const Given& given) {
  app.require_subcommand(0, 1);
  app.fallthrough();  // --config-dir may stand behind the verb as well
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.get_formatter()->label("SUBCOMMANDS", "VERBS");
  app.set_help_flag("-h,--help", "Print this text, or that of a verb");
  app.add_option("--config-dir", config_folder, "where configurations are (/etc/culvert)")
      ->envname("CULVERT_CONFIG_DIR")
      ->type_name("DIR");
  app.footer(kFooter);
  add_lifecycle(app, given);
  add_status(app, given);
  add_diagnosis(app, given);
  add_files(app, given);
  add_init(app, given);
  add_peer(app, given);
  add_keys(app, given);
  app.add_subcommand("version", "Print the version")->callback([given] { given(VersionOptions{}); });
  app.add_flag_callback(
      "--version", [given] { given(VersionOptions{}); }, "Print the version");
  call_them_verbs(app);
}

/// A wrong verb gets a better sentence than a parser gives: it is looked for before the parser runs.
void look_at_verb(const std::vector<std::string>& words) {
  std::size_t i = 0;
  while (i < words.size() && words[i] == "--config-dir") i += 2;
  if (i >= words.size() || words[i].starts_with('-')) return;
  const auto require_known = [](std::string_view word, std::span<const std::string_view> known,
                                std::string_view before) {
    if (std::find(known.begin(), known.end(), word) != known.end()) return;
    const std::string_view meant = nearest(word, known);
    throw Failure(ExitCode::usage,
                  meant.empty()
                      ? fmt::format("unknown verb \"{}{}\"; culvert --help lists them", before, word)
                      : fmt::format("unknown verb \"{}{}\"; did you mean \"{}{}\"?", before, word, before, meant));
  };
  require_known(words[i], kVerbs, "");
  if (i + 1 == words.size() && words[i] == "peer")
    throw Failure(ExitCode::usage,
                  fmt::format("peer what? {}; such as: culvert peer add wg0 alice", fmt::join(kPeerVerbs, ", ")));
  if (i + 1 == words.size() && words[i] == "init")
    throw Failure(ExitCode::usage,
                  "init what? a gateway, which others call, or a client; such as: culvert init gateway wg0");
  if (words[i] == "peer" && !words[i + 1].starts_with('-')) require_known(words[i + 1], kPeerVerbs, "peer ");
}

}  // namespace

std::span<const std::string_view> verbs() noexcept { return kVerbs; }

CommandLine parse_command_line(std::span<const char* const> arguments) {
  std::vector<std::string> words(arguments.begin(), arguments.end());
  if (!words.empty() && words.front() == "help") {  // "help peer" is "peer --help"
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  look_at_verb(words);
  CommandLine result;
  CLI::App app("Culvert: VPN tunnels that speak WireGuard's protocol.", "culvert");
  build(app, result.config_folder, [&result](Verb verb) { result.verb = std::move(verb); });
  if (words.empty()) {
    result.verb = HelpOptions{app.help()};
    return result;
  }
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    result.verb = HelpOptions{app.help()};
  } catch (const CLI::ParseError& error) {
    throw Failure(ExitCode::usage, fmt::format("{}; see culvert --help", error.what()));
  }
  return result;
}

}  // namespace culvert::cli
