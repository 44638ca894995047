#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The protocol core takes time, randomness and packets as arguments. So its archives must not ask for a symbol that opens a
# socket or a file, reads a clock, draws a random number, starts a thread, or prints.
set -uo pipefail
[ $# -ge 2 ] || { echo "usage: purity_test.sh COMPILER ARCHIVE..."; exit 1; }
compiler=$1
shift

impure='
  socket socketpair bind listen accept accept4 connect send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg
  setsockopt getsockopt poll ppoll epoll_[a-z0-9_]+ select ioctl syscall
  open open64 openat fopen fopen64 read write readv writev close
  time clock clock_gettime gettimeofday timespec_get timerfd_[a-z]+ nanosleep clock_nanosleep usleep sleep
  _ZNSt6chrono.*3nowEv
  rand srand random srandom drand48 getrandom getentropy arc4random[a-z_]* randombytes[a-z_]* _ZNSt13random_device.*
  crypto_[a-z0-9_]+_keygen sodium_init
  (__)?v?[fsd]?n?printf(_chk)? puts putchar fputs fputc fwrite perror syslog _ZSt4cout _ZSt4cerr _ZSt4clog _ZN3fmt.*
  pthread_(create|mutex_.*|cond_.*|rwlock_.*) _ZNSt6thread.* getenv exit system fork exec[a-z]+
'
read -ra impure_list <<<"$(tr "\n" " " <<<"$impure")"
pattern="^($(IFS="|"; echo "${impure_list[*]}"))(@.*)?$"

impure_symbols() { nm -u --format=posix "$1" | awk 'NF >= 2 && $2 == "U" { print $1 }' | sort -u | grep -E "$pattern"; }

# The net itself must catch something: one object with a symbol of each kind.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/probe.cpp" <<'END'
#include <sys/random.h>
#include <sys/socket.h>
#include <chrono>
#include <cstdio>
#include <iostream>
long probe(void* p) {
  std::printf("%p", p);
  std::cout << 1;
  return ::socket(1, 2, 0) + ::getrandom(p, 1, 0) + std::chrono::steady_clock::now().time_since_epoch().count();
}
END
# shellcheck disable=SC2086  # the compiler may come with a launcher before it
$compiler -std=c++20 -O1 -c "$scratch/probe.cpp" -o "$scratch/probe.o" || exit 1
caught=$(impure_symbols "$scratch/probe.o" | wc -l)
[ "$caught" -ge 5 ] || { echo "the check is blind: it caught $caught of 5 impure symbols of a probe"; exit 1; }

status=0
for archive in "$@"; do
  found=$(impure_symbols "$archive")
  if [ -n "$found" ]; then
    echo "$(basename "$archive") asks for:"
    c++filt <<<"$found" | sed 's/^/  /'
    status=1
  else
    echo "$(basename "$archive") asks for no socket, file, clock, random number, thread or print"
  fi
done
exit $status
