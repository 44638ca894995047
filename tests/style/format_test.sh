#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every source is formatted as .clang-format says. Mend with: tools/dev fmt
set -uo pipefail
cd "${1:?usage: format_test.sh SOURCE_ROOT}" || exit 1
command -v clang-format >/dev/null || { echo "skipped: clang-format is not installed (tools/setup)"; exit 77; }

mapfile -t sources < <(find src include tests \( -name '*.cpp' -o -name '*.hpp' \) | sort)
[ "${#sources[@]}" -gt 0 ] || { echo "no sources found in $PWD"; exit 1; }
# A few processes for all of them: starting one for each takes longer than formatting.
mapfile -t bad < <(printf '%s\0' "${sources[@]}" | xargs -0 -P 2 -n 50 clang-format --dry-run -Werror 2>&1 |
  sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: error: .*/\1/p' | sort -u)
for source in "${bad[@]}"; do echo "not formatted: $source"; done
echo "${#bad[@]} of ${#sources[@]} files want formatting"
[ "${#bad[@]}" = 0 ] || { echo "run: tools/dev fmt"; exit 1; }
