// SPDX-License-Identifier: MIT
// `culvert doctor`: the checks that a good engineer would make, in the order in which they explain each other. The
// first that fails is the one to mend. Reads the daemon's status, asks the kernel, and sends echoes through the tunnel;
// changes nothing.
#pragma once

#include <string>
#include <vector>

#include "console.hpp"
#include "sockets.hpp"

namespace culvert::cli {

struct DoctorOptions {
  std::string name;
  enum class Form : std::uint8_t { person, json } form = Form::person;
};

/// One line of the diagnosis.
struct DoctorCheck {
  enum class Grade : std::uint8_t { good, note, warning, failure } grade = Grade::good;
  std::string topic;    // "link", "endpoint of AbCdEfGh…"
  std::string finding;  // one sentence
  std::string mend;     // the command or key that mends it; empty where nothing is to be mended
};

/// \throws Failure `failed` when a check failed, after all have been shown; `not_running` and `permission` are checks.
void doctor(const DoctorOptions& options, const std::string& config_folder, const SocketFolders& folders,
            const Console& console);

/// All lines, and at the end how many failed.
[[nodiscard]] std::string diagnosis_text(const std::vector<DoctorCheck>& checks, Console::Colours colours);
/// {"interface":...,"checks":[{"topic","grade","finding","mend"}],"failures":N}
[[nodiscard]] std::string diagnosis_json(const std::string& interface, const std::vector<DoctorCheck>& checks);

}  // namespace culvert::cli
