// SPDX-License-Identifier: MIT
// What the command line says, as values: one struct a verb.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "capture_command.hpp"
#include "doctor.hpp"
#include "events_command.hpp"
#include "peer_options.hpp"
#include "status_commands.hpp"

namespace culvert::cli {

struct UpOptions {
  std::string what;  // NAME or FILE
};
struct DownOptions {
  std::string name;
};
struct ReloadOptions {
  std::string name;
  enum class Mode : std::uint8_t { apply, show_differences } mode = Mode::apply;
};
struct PortalOptions {
  std::string name;
  unsigned minutes = 10;
};
struct CheckOptions {
  std::string what;
};
struct ImportOptions {
  std::string file, name;  // an empty name: the file's
  Existing existing = Existing::keep;
};
struct ExportOptions {
  std::string what, output;  // an empty output: standard output
  Existing existing = Existing::keep;
};
struct KeyOptions {
  enum class Kind : std::uint8_t { private_key, public_key, preshared_key } kind = Kind::private_key;
};
struct VersionOptions {};
struct HelpOptions {
  std::string text;
};

using Verb = std::variant<HelpOptions, VersionOptions, UpOptions, DownOptions, ReloadOptions, PortalOptions,
                          StatusOptions, CheckOptions, KeyOptions, InitOptions, PeerAddOptions, PeerRemoveOptions,
                          PeerListOptions, PeerShowOptions, PeerRotateOptions, ImportOptions, ExportOptions,
                          DoctorOptions, EventsOptions, CaptureOptions>;

struct CommandLine {
  std::string config_folder = "/etc/culvert";
  Verb verb;
};

}  // namespace culvert::cli
