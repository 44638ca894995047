// SPDX-License-Identifier: MIT
#include "udp_kernel.hpp"

#include <sys/utsname.h>

#include <charconv>

namespace culvert::io {
namespace {

std::optional<unsigned> take_number(std::string_view& text) noexcept {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take_dot(std::string_view& text) noexcept {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<KernelVersion> parse_kernel_release(std::string_view release) noexcept {
  KernelVersion version;
  const auto major = take_number(release);
  if (!major || !take_dot(release)) return std::nullopt;
  const auto minor = take_number(release);
  if (!minor) return std::nullopt;
  version.major = *major;
  version.minor = *minor;
  if (take_dot(release)) version.patch = take_number(release).value_or(0);
  return version;
}

std::string running_kernel_release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "";
}

bool has_sound_udp_gro(std::string_view release) noexcept {
  const auto version = parse_kernel_release(release);
  return version && *version >= KernelVersion{5, 12, 0};
}

bool may_corrupt_udp_gso(std::string_view release) noexcept {
  const auto version = parse_kernel_release(release);
  return version && *version >= KernelVersion{7, 0, 0} && *version <= KernelVersion{7, 1, 4};
}

}  // namespace culvert::io
