#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Rules that a compiler does not check: size of files, words that are banned in some folders, licence lines, and that each
# public header compiles alone.
set -uo pipefail
[ $# = 2 ] || { echo "usage: rules_test.sh SOURCE_ROOT COMPILER"; exit 1; }
cd "$1" || exit 1
compiler=$2
bad=0
complain() { echo "$*"; bad=$((bad + 1)); }

sources() { find "$@" \( -name '*.cpp' -o -name '*.hpp' \) | sort; }

while read -r file; do
  lines=$(wc -l <"$file")
  [ "$lines" -le 400 ] || complain "$file has $lines lines; split it by the question it answers (at most 400)"
done < <(sources src include)

while read -r file; do
  head -n 1 "$file" | grep -qx '// SPDX-License-Identifier: MIT' || complain "$file lacks the licence line"
done < <(sources src include tests)

# ban WHY PATTERN FOLDER...
ban() {
  local why=$1 pattern=$2 hit
  shift 2
  while read -r hit; do
    complain "$hit    <- $why"
  done < <(grep -rnE --include='*.[ch]pp' -- "$pattern" "$@" 2>/dev/null | grep -vE ':[0-9]+: *//')
}
ban "secrets are wiped by sodium_memzero and compared by ct_equal" '\b(memset|memcmp|bzero)\b' src/core src/crypto include
ban "a switch over an enum names every value" '^\s*default:' src/core src/wire
ban "asio is not known here" '[<"]asio' src/core src/wire src/crypto include
ban "left undone" '\b(TODO|FIXME|XXX)\b' src include
# A path into somebody's home or work folder is of no use on another machine.
while read -r hit; do
  complain "$hit    <- a path of one machine"
done < <(grep -rnIE --exclude-dir='build*' --exclude-dir=.git --exclude=.git --exclude=rules_test.sh '(^|[^A-Za-z0-9_.$}-])/(home|root|work|Users|mnt)/[a-z]' . | head -20)

headers=0
while read -r header; do
  # shellcheck disable=SC2086  # the compiler may come with a launcher before it
  $compiler -std=c++20 -fsyntax-only -Wall -Wextra -Werror -Iinclude -x c++ - <<<"#include <${header#include/}>" ||
    complain "$header does not compile alone"
  headers=$((headers + 1))
done < <(find include -name '*.hpp' | sort)

echo "$(sources src include | wc -l) sources and $headers public headers looked at, $bad complaints"
[ "$bad" = 0 ]
