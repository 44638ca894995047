// SPDX-License-Identifier: MIT
#include "process_status.hpp"

#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>

namespace culvert::sandbox {
namespace {

constexpr const char* kFile = "/proc/thread-self/status";

/// What stands behind "NAME:", without the blanks around it.
std::optional<std::string_view> field(std::string_view text, std::string_view name) noexcept {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    line.remove_prefix(name.size() + 1);
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) return std::string_view();
    return line.substr(first, line.find_last_not_of(" \t") - first + 1);
  }
  return std::nullopt;
}

template <class Number>
bool read_number(std::string_view text, std::string_view name, int base, Number& into) {
  const auto value = field(text, name);
  if (!value) return false;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), into, base);
  return error == std::errc{} && end == value->data() + value->size();
}

}  // namespace

Result<ProcessStatus, std::string> parse_process_status(std::string_view text) {
  ProcessStatus status;
  struct Set {
    std::string_view name;
    std::uint64_t& into;
  };
  for (const Set& set :
       {Set{"CapInh", status.inheritable}, Set{"CapPrm", status.permitted}, Set{"CapEff", status.effective},
        Set{"CapBnd", status.bounding}, Set{"CapAmb", status.ambient}})
    if (!read_number(text, set.name, 16, set.into)) return Err{std::string(set.name)};
  int no_new_privileges = 0;
  if (!read_number(text, "NoNewPrivs", 10, no_new_privileges)) return Err{std::string("NoNewPrivs")};
  status.no_new_privileges = no_new_privileges == 1;
  // A kernel built without seccomp has no such line.
  if (!read_number(text, "Seccomp", 10, status.seccomp_mode)) status.seccomp_mode = 0;
  const auto groups = field(text, "Groups");
  if (!groups) return Err{std::string("Groups")};
  status.has_groups = !groups->empty();
  return status;
}

Result<ProcessStatus, std::string> read_own_status() {
  std::ifstream file(kFile);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) return Err{std::string("cannot read ") + kFile};
  auto status = parse_process_status(text);
  if (!status) return Err{std::string(kFile) + " has no sound line " + status.error()};
  return status;
}

}  // namespace culvert::sandbox
