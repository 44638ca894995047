#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The manual pages are formatted without a warning, name every verb and option of the program, and culvert.toml(5) names exactly the
# keys of the schema. Usage: manual_test.sh CULVERT SCHEMA_KEYS FOLDER_OF_PAGES
set -uo pipefail
[ $# = 3 ] || { echo "usage: manual_test.sh CULVERT SCHEMA_KEYS FOLDER"; exit 1; }
culvert=$1 schema_keys=$2 folder=$3
bad=0
complain() { echo "$*"; bad=$((bad + 1)); }
for program in mandoc man; do
  command -v "$program" >/dev/null || { echo "$program is not installed: run tools/setup"; exit 1; }
done

pages=("$folder"/*.[58])
[ "${#pages[@]}" -ge 3 ] || complain "only ${#pages[@]} pages found"
for page in "${pages[@]}"; do
  found=$(mandoc -Tlint -Wwarning "$page")
  [ -z "$found" ] || complain "$found"
  found=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
  [ -z "$found" ] || complain "man says of $page: $found"
done

# What the page says, as plain text without the bold of a terminal.
text=$(mandoc -Tascii "$folder/culvert.8" | col -b | tr -s ' \n' ' ')
verbs=$("$culvert" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$verbs")" -ge 14 ] || complain "the help lists too few verbs: $verbs"
for verb in $verbs; do
  grep -qw -- "$verb" <<<"$text" || complain "culvert(8) does not know the verb $verb"
  subs=('')
  case $verb in
    peer) subs=(add remove list show rotate) ;;
    init) subs=(gateway client) ;;
  esac
  for sub in "${subs[@]}"; do
    for option in $("$culvert" "$verb" ${sub:+"$sub"} --help | grep -o -- '--[a-z-]*[a-z]' | sort -u); do
      grep -q -- "$option\b" <<<"$text" || complain "culvert(8) does not know $option of $verb $sub"
    done
  done
done

in_page=$(awk '
  /^\.Ss \[/ { gsub(/[][]/, "", $2); section = $2 }
  /^\.It Ic / && section { print section "." $3 }' "$folder/culvert.toml.5")
diff <(sort <<<"$in_page") <("$schema_keys" | sort) || complain "culvert.toml(5) and the schema differ (< page, > schema)"

echo "${#pages[@]} pages looked at, $bad complaints"
[ "$bad" = 0 ]
