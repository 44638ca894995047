// SPDX-License-Identifier: MIT
// What a kernel release says about offloads that the socket itself cannot tell.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace culvert::io {

struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;

  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

/// "6.1.0-18-amd64", "5.12-rc3", "6.18": the leading numbers; a patch level that is not there is 0.
[[nodiscard]] std::optional<KernelVersion> parse_kernel_release(std::string_view release) noexcept;
/// As uname names it; empty when it cannot.
[[nodiscard]] std::string running_kernel_release();

/// From 5.12 on UDP_GRO can be read back and does not misjudge trains; an unreadable release does not count as good.
[[nodiscard]] bool has_sound_udp_gro(std::string_view release) noexcept;
/// Linux 7.0 to 7.1.4 is reported to corrupt UDP_SEGMENT trains of equal segments on the way out, which the sender
/// cannot see. To be hinted at in the status where trains get lost; segmentation stays on.
[[nodiscard]] bool may_corrupt_udp_gso(std::string_view release) noexcept;

}  // namespace culvert::io
