// SPDX-License-Identifier: MIT
// Landlock: what a process may reach by names. The packet half needs nothing by name, so all is taken that the kernel
// can take: files and directories, TCP (6.7), sockets of abstract names and signals to strangers (6.12).
// Holds for the calling thread and those that it makes afterwards.
#pragma once

#include <cstdint>
#include <string>

#include <culvert/result.hpp>

namespace culvert::sandbox {

/// What a kernel of a version of the interface can take, as bits of the kernel's.
struct LandlockRights {
  std::uint64_t files = 0, network = 0, scopes = 0;
  std::uint64_t octets = 0;  // of the kernel's struct that holds them
  friend bool operator==(const LandlockRights&, const LandlockRights&) = default;
};

/// \param version  of the kernel's interface; below 1: nothing can be taken.
[[nodiscard]] LandlockRights landlock_rights(int version) noexcept;

/// The kernel's version of the interface; 0: it has none.
[[nodiscard]] int landlock_version() noexcept;

/// Takes `rights` of the calling thread, after "no new privileges" was set. Error: a sentence; nothing was taken.
[[nodiscard]] Result<void, std::string> apply_landlock(const LandlockRights& rights);

}  // namespace culvert::sandbox
