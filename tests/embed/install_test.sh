#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What a stranger does with libculvert: installs it, and compiles a program with nothing but the flags of pkg-config. Each public
# header must also compile alone, where both compilers are there with both.
set -euo pipefail
[ $# = 4 ] || { echo "usage: install_test.sh SOURCE_ROOT BUILD_DIR MESON COMPILER"; exit 1; }
source_root=$1 build=$2
read -ra meson <<<"$3"
read -ra compiler <<<"$4"
command -v pkg-config >/dev/null || { echo "skipped: pkg-config is not installed (tools/setup)"; exit 77; }

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
"${meson[@]}" install -C "$build" --no-rebuild --tags devel --destdir "$root" --quiet
find "$root" -type f -printf 'installed /%P\n' | sort

export PKG_CONFIG_SYSROOT_DIR=$root
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name culvert.pc)")
export PKG_CONFIG_PATH
read -ra compile_flags <<<"$(pkg-config --cflags culvert)"
read -ra link_flags <<<"$(pkg-config --libs culvert)"
echo "compile: ${compile_flags[*]}"
echo "link: ${link_flags[*]}"

# The program must see the installed headers, so it is compiled where no others are near.
cp "$source_root/tests/embed/two_tunnels.cpp" "$root/program.cpp"
cd "$root"
"${compiler[@]}" -std=c++20 -Wall -Wextra -Werror "${compile_flags[@]}" program.cpp -o program "${link_flags[@]}"
timeout 60 ./program

headers=0
for candidate in g++ clang++-14; do
  command -v "$candidate" >/dev/null || continue
  while read -r header; do
    name=culvert/$(basename "$header")
    "$candidate" -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Werror "${compile_flags[@]}" -x c++ - <<<"#include <$name>" ||
      { echo "$name does not compile alone with $candidate"; exit 1; }
    headers=$((headers + 1))
  done < <(find "$root" -path '*/include/culvert/*.hpp' | sort)
done
[ "$headers" -ge 9 ] || { echo "only $headers headers were found"; exit 1; }
echo "$headers times a public header compiled alone"
