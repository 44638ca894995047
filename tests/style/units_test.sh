#!/bin/bash
# SPDX-License-Identifier: MIT
# The units are known to systemd, and what the tunnel's exposes stays within its bound.
set -euo pipefail
source_dir=$1
exposure=25 # tenths; most of it is the host's network and the root that its configuration takes
command -v systemd-analyze >/dev/null || { echo "skipped: systemd-analyze is not installed"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for unit in "$source_dir"/conf/systemd/*.service; do
  name=$(basename "$unit")
  sed 's|@sbindir@|/bin|; s|/bin/culvertd|/bin/true|' "$unit" >"$folder/${name/@/@wg0}"
done
complaints=$(systemd-analyze verify --man=no "$folder"/*.service 2>&1 | grep "$folder\|Unknown" || true)
[ -z "$complaints" ] || { echo "systemd does not understand: $complaints"; exit 1; }
systemd-analyze security --offline=true --no-pager --threshold=$exposure "$folder/culvert@wg0.service" | tail -1
