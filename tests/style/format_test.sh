#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every source is formatted as .clang-format says. Mend with: tools/dev fmt
set -uo pipefail
cd "${1:?usage: format_test.sh SOURCE_ROOT}" || exit 1
command -v clang-format >/dev/null || { echo "skipped: clang-format is not installed (tools/setup)"; exit 77; }

mapfile -t sources < <(find src include tests \( -name '*.cpp' -o -name '*.hpp' \) | sort)
[ "${#sources[@]}" -gt 0 ] || { echo "no sources found in $PWD"; exit 1; }
bad=0
for source in "${sources[@]}"; do
  if ! clang-format "$source" | cmp -s - "$source"; then
    echo "not formatted: $source"
    bad=$((bad + 1))
  fi
done
echo "$bad of ${#sources[@]} files want formatting"
[ "$bad" = 0 ] || { echo "run: tools/dev fmt"; exit 1; }
