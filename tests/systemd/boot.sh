#!/bin/bash
# SPDX-License-Identifier: MIT
# Process 1 of a machine: called in namespaces of its own, lays a layer over a Debian root, and becomes its systemd. The layer, in
# FOLDER, outlives it, so that the machine can boot again. Usage: boot.sh BASE FOLDER HOSTNAME
set -euo pipefail
base=$1 area=$2 name=$3
mount --make-rprivate /
mkdir -p "$area"/{upper,work,root}
mount -t overlay machine -o "lowerdir=$base,upperdir=$area/upper,workdir=$area/work" "$area/root"
root=$area/root
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec,ro sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o nosuid,nodev,mode=755 run "$root/run"
mount -t tmpfs -o nosuid,mode=755 dev "$root/dev"
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  IFS=: read -r node major minor <<<"$node"
  mknod -m 666 "$root/dev/$node" c "$major" "$minor"
done
mkdir "$root"/dev/{net,pts,shm}
mknod -m 666 "$root/dev/net/tun" c 10 200
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
# A sink of its own, and no link to the host's: systemd takes it over and changes its owner and mode.
mknod -m 666 "$root/dev/console" c 1 3
ln -sf /dev/null "$root/etc/systemd/system/console-getty.service"
hostname "$name"
printf '%s\n' "$name" >"$root/etc/hostname"
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$name" >"$root/etc/hosts"
rm -f "$root/etc/machine-id" && systemd-machine-id-setup --root="$root" >/dev/null 2>&1 || true
ip link set lo up
cd "$root"
mkdir -p .before
pivot_root . .before
umount -l /.before
rmdir /.before
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=culvert-lab \
  /lib/systemd/systemd --log-level=warning --show-status=no systemd.unit=multi-user.target </dev/null >/dev/null 2>&1
