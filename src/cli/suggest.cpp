// SPDX-License-Identifier: MIT
#include "suggest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace culvert::cli {

std::size_t slips(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (same ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before.swap(row);
    row.swap(next);
  }
  return row[b.size()];
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t fewest = word.size() / 3 + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t n = slips(word, candidate);
    if (n < fewest || (n == fewest && best.empty() && n <= std::max<std::size_t>(1, word.size() / 3))) {
      best = candidate;
      fewest = n;
    }
  }
  if (!best.empty() || word.empty()) return best;
  const auto begins = [word](std::string_view c) { return c.starts_with(word); };
  if (std::count_if(candidates.begin(), candidates.end(), begins) != 1) return {};
  return *std::find_if(candidates.begin(), candidates.end(), begins);
}

}  // namespace culvert::cli
