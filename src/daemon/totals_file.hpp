// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "traffic_book.hpp"

namespace culvert::daemon {

struct LoadedTotals {
  Totals totals;
  std::string warning;  // one sentence; empty: nothing is wrong
};

/// What the file holds; nothing where there is none. One that cannot be understood is set aside as PATH.bad, so that
/// nothing in it is lost, and counting begins anew.
[[nodiscard]] LoadedTotals load_totals(const std::string& path);

/// Replaces the file, whole or not at all, and on the disk before it is seen. Mode 0600. Error: a sentence; the file is
/// as it was.
[[nodiscard]] Result<void, std::string> save_totals(const std::string& path, const Totals& totals);

}  // namespace culvert::daemon
