// SPDX-License-Identifier: MIT
#include "host_inquiry.hpp"

#include "failure.hpp"
#include "host_words.hpp"
#include "locate.hpp"

namespace culvert::cli {

std::optional<HostStatus> ask_host_status(const SocketFolders& folders, const std::string& interface,
                                          std::chrono::seconds within) {
  try {
    const std::string line = ask_socket(folders.status + "/" + interface + ".host", interface,
                                        control::to_line(control::HostRequest{}), Ends::at_line, within);
    const auto answer = control::parse_host_answer(line);
    return answer ? parse_host_status(answer->status) : std::nullopt;
  } catch (const Failure&) {
    return std::nullopt;
  }
}

std::string file_of(const std::optional<HostStatus>& host, const std::string& interface,
                    const std::string& config_folder) {
  return host && !host->config.empty() ? host->config : config_path(interface, config_folder);
}

}  // namespace culvert::cli
