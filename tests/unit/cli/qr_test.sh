#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What a phone reads off the QR code is, octet for octet, the file. zbarimg stands for the phone; rsvg or a browser is not needed, for
# SVG is drawn from the same modules (see qr_test.cpp). Usage: qr_test.sh CULVERT
set -uo pipefail
[ $# = 1 ] || { echo "usage: qr_test.sh CULVERT"; exit 1; }
command -v zbarimg >/dev/null || { echo "zbarimg is not installed: run tools/setup"; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export CULVERT_CONFIG_DIR=$scratch
"$1" init gateway wg0 -y --endpoint gateway.with-a-rather-long-name.example.org >/dev/null 2>&1 || exit 1
"$1" peer add wg0 "Zoë's phone" --full-tunnel --dns 10.0.0.53 -o "$scratch/file.conf" --qr-png "$scratch/code.png" 2>/dev/null || exit 1
# A picture has one line more: zbarimg ends what it read with a newline.
zbarimg --nodbus -q --raw "$scratch/code.png" >"$scratch/read.txt" 2>/dev/null || { echo "zbarimg reads no code"; exit 1; }
cmp <(cat "$scratch/file.conf"; echo) "$scratch/read.txt" || exit 1
[ "$(stat -c %a "$scratch/code.png")" = 600 ] || { echo "others may read the picture, which holds keys"; exit 1; }
echo "$(wc -c <"$scratch/file.conf") octets read back from the picture"
