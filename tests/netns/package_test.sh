#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The Debian package installs, works, and goes without a trace, on a copy of this system: an overlay in a mount namespace of its own,
# so that nothing of it reaches the machine. Usage: package_test.sh SOURCE_ROOT BUILD_ROOT
set -uo pipefail
[ $# -ge 2 ] || { echo "usage: package_test.sh SOURCE_ROOT BUILD_ROOT"; exit 1; }
skip() {
  echo "skipped: $1"
  [ "${CI:-}" != true ] || [ "${2:-}" != avoidable ] || exit 1
  exit 77
}

if [ "${3:-}" != inside ]; then
  [ "$(id -u)" = 0 ] || skip "needs root: run it with sudo" avoidable
  command -v dpkg-shlibdeps >/dev/null || skip "dpkg-dev is not installed: run tools/setup" avoidable
  [ "$(sed -n 's/^ID=//p' /etc/os-release)" = debian ] || skip "this is not Debian"
  unshare --mount true || skip "the kernel refuses a mount namespace"
  exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$1" "$2" inside
fi

source=$1 build=$2
bad=0
complain() { echo "$*"; bad=$((bad + 1)); }
area=$(mktemp -d)
trap 'umount -R "$area" 2>/dev/null; rmdir "$area"' EXIT
mount -t tmpfs none "$area" || skip "the kernel refuses a tmpfs"
mkdir "$area"/{upper,work,root,out}
mount -t overlay none -o "lowerdir=/,upperdir=$area/upper,workdir=$area/work" "$area/root" ||
  skip "the kernel refuses an overlay on this file system"
mount -t tmpfs none "$area/root/run"
mount --bind /dev "$area/root/dev"
mount -t proc none "$area/root/proc"
in_root() { chroot "$area/root" env -u CULVERT_CONFIG_DIR PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }

"$source/tools/package" --from "$build" --output "$area/out" || { echo "no package was made"; exit 1; }
package=$(echo "$area"/out/*.deb)
echo "$(stat -c %s "$package") octets: $(dpkg-deb --field "$package" Depends)"

listed=$(dpkg-deb --contents "$package" | awk '{ print $1, $2, $6 }')
for path in ./usr/sbin/culvert ./usr/sbin/culvertd ./usr/share/man/man8/culvert.8.gz ./usr/share/man/man5/culvert.toml.5.gz \
  ./usr/share/bash-completion/completions/culvert ./usr/share/zsh/vendor-completions/_culvert \
  ./usr/share/fish/vendor_completions.d/culvert.fish ./usr/lib/systemd/system/culvert@.service ./usr/lib/systemd/system/culvert-packets.socket ./usr/share/doc/culvert/copyright ./etc/culvert/ \
  ./usr/share/doc/culvert/examples/public-wifi/wifi.toml; do
  grep -q " $path\$" <<<"$listed" || complain "the package lacks $path"
done
grep -v ' root/root ' <<<"$listed" && complain "these do not belong to root"
grep -E '^-.{7}w|^-....w' <<<"$listed" && complain "others may write these"
grep -E '/usr/(local|include)|\.a$' <<<"$listed" && complain "these do not belong into the package"
for library in libsodium23 libnftables1 libqrencode4 libc6; do
  dpkg-deb --field "$package" Depends | grep -q "$library" || complain "the package does not depend on $library"
done

# The lower layer may hold a user of that name from a real installation.
in_root userdel culvert 2>/dev/null
mkdir -p "$area/root/var/lib/culvert"; rmdir "$area/root/var/lib/culvert" 2>/dev/null
users_before=$(in_root getent passwd)
cp "$package" "$area/root/culvert.deb"
in_root dpkg --install /culvert.deb >"$area/log" 2>&1 || { complain "dpkg --install failed:"; cat "$area/log"; }
rm "$area/root/culvert.deb"
in_root culvert version | grep -q '^culvert [0-9]' || complain "culvert does not run"
in_root culvertd --version | grep -q '^culvertd [0-9]' || complain "culvertd does not run"
in_root getent passwd culvert | grep -q ':/nonexistent:/usr/sbin/nologin$' || complain "there is no user culvert"
[ "$(in_root stat -c '%a %U' /etc/culvert)" = "700 root" ] || complain "/etc/culvert is open to others"
in_root man -w culvert.toml >/dev/null || complain "man does not find culvert.toml(5)"
in_root culvert init gateway wg0 -y --endpoint gw.example.org >/dev/null 2>&1 || complain "culvert init does not work"
in_root culvert check wg0 >/dev/null || complain "what culvert init wrote is not good"
grep -q '^ExecStart=/usr/sbin/culvertd ' "$area/root/usr/lib/systemd/system/culvert@.service" ||
  complain "the unit does not start the program that was installed"
in_root dpkg --verify culvert | grep . && complain "dpkg finds changed files"

in_root dpkg --remove culvert >"$area/log" 2>&1 || { complain "dpkg --remove failed:"; cat "$area/log"; }
in_root test -e /usr/sbin/culvert && complain "the program is still there"
in_root test -s /etc/culvert/wg0.toml || complain "the removal took a configuration that a person had written"
in_root dpkg --purge culvert >"$area/log" 2>&1 || { complain "dpkg --purge failed:"; cat "$area/log"; }
in_root test -s /etc/culvert/wg0.toml || complain "the purge took a configuration that a person had written"
[ "$(in_root getent passwd)" = "$users_before" ] || complain "the user culvert is still there"
in_root rm -r /etc/culvert
left=$(cd "$area/upper" && find . \( -type f -o -type d -empty \) -ipath '*culvert*' ! -path './tmp/*' ! -path './root/*')
[ -z "$left" ] || complain "left behind: $left"
echo "$bad complaints"
[ "$bad" = 0 ]
