// SPDX-License-Identifier: MIT
#include "sysctl.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "unique_fd.hpp"

namespace culvert::host {
namespace {

const std::string kAlso = "also ";

std::string path_of(std::string key) {
  if (key.find('/') == std::string::npos) std::replace(key.begin(), key.end(), '.', '/');
  return "/proc/sys/" + key;
}

Result<std::string, int> read_value(const std::string& path) {
  const io::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> buffer{};
  const ssize_t got = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  if (got < 0) return Err{errno};
  std::string value(buffer.data(), static_cast<std::size_t>(got));
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return value;
}

int write_value(const std::string& path, const std::string& value) {
  if (const auto now = read_value(path); now && *now == value) return 0;  // to write is to set other values again
  const io::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  const std::string line = value + "\n";
  return ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()) ? 0 : errno;
}

/// What the kernel writes when this key is written.
std::vector<std::string> written_along(const std::string& key) {
  std::vector<std::string> paths;
  const bool v4 = key == "net.ipv4.ip_forward";
  if (!v4 && key != "net.ipv6.conf.all.forwarding") return paths;
  std::error_code none;
  for (const auto& link :
       std::filesystem::directory_iterator(v4 ? "/proc/sys/net/ipv4/conf" : "/proc/sys/net/ipv6/conf", none))
    paths.push_back(link.path().string() + "/forwarding");
  if (v4) paths.emplace_back("/proc/sys/net/ipv4/conf/all/accept_redirects");
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

Result<Before, Failure> look_at_sysctl(const std::string& journals, const std::string& interface,
                                       const step::Sysctl& step) {
  if (auto known = before_another(journals, interface, Step(step))) return std::move(*known);
  const auto value = read_value(path_of(step.key));
  if (!value) return Err{system_failure(value.error(), to_string(Step(step)))};
  Before before = {{"value", *value}};
  if (*value != step.value)
    for (const std::string& path : written_along(step.key))
      if (const auto also = read_value(path)) before[kAlso + path] = *also;
  return before;
}

Result<void, Failure> set_sysctl(const step::Sysctl& step) {
  if (const int error = write_value(path_of(step.key), step.value); error != 0)
    return Err{system_failure(error, to_string(Step(step)))};
  return {};
}

Result<void, Failure> restore_sysctl(const std::string& journals, const std::string& interface,
                                     const step::Sysctl& step, const Before& before) {
  if (before_another(journals, interface, Step(step))) return {};  // it is still needed
  const auto value = before.find("value");
  if (value == before.end()) return {};
  const int error = write_value(path_of(step.key), value->second);
  // Gone with its link, or with IPv6.
  if (error != 0 && error != ENOENT) return Err{system_failure(error, "sysctl " + step.key + " = " + value->second)};
  for (const auto& [key, old] : before)
    if (key.rfind(kAlso, 0) == 0)
      if (const int also = write_value(key.substr(kAlso.size()), old); also != 0 && also != ENOENT)
        return Err{system_failure(also, key.substr(kAlso.size()) + " = " + old)};
  return {};
}

}  // namespace culvert::host
