#!/bin/bash
# SPDX-License-Identifier: MIT
# The units are known to systemd, and what each exposes stays within its bound. Most of what is left of the tunnel's are the
# host's network, and root, whom its configuration, its resolver and /etc/resolv.conf take.
set -euo pipefail
source_dir=$1
command -v systemd-analyze >/dev/null || { echo "skipped: systemd-analyze is not installed"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for unit in "$source_dir"/conf/systemd/*.{service,socket}; do
  name=$(basename "$unit")
  sed 's|@sbindir@|/bin|; s|/bin/culvertd|/bin/true|' "$unit" >"$folder/${name/@/@wg0}"
done
complaints=$(SYSTEMD_UNIT_PATH="$folder:" systemd-analyze verify --man=no "$folder"/* 2>&1 | grep "$folder\|Unknown" || true)
[ -z "$complaints" ] || { echo "systemd does not understand: $complaints"; exit 1; }
bad=0
while read -r name tenths; do
  systemd-analyze security --offline=true --no-pager --threshold="$tenths" "$folder/$name" | tail -1 || bad=$((bad + 1))
done <<'END'
culvert@wg0.service 20
culvert-guard@wg0.service 20
culvert-packets@wg0.service 8
END
[ "$bad" = 0 ] || { echo "$bad units are above their bound"; exit 1; }
