#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The completions of bash, zsh and fish load, know every verb and every option that the program knows, and complete the names of
# interfaces and peers. Usage: completions_test.sh CULVERT FOLDER_OF_COMPLETIONS
set -uo pipefail
[ $# = 2 ] || { echo "usage: completions_test.sh CULVERT FOLDER"; exit 1; }
culvert=$(realpath "$1") folder=$2
bad=0
complain() { echo "$*"; bad=$((bad + 1)); }
for program in zsh fish; do
  command -v "$program" >/dev/null || { echo "$program is not installed: run tools/setup"; exit 1; }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export CULVERT_CONFIG_DIR=$scratch HOME=$scratch
mkdir "$scratch/bin"
ln -s "$culvert" "$scratch/bin/culvert"
PATH=$scratch/bin:$PATH
culvert init gateway office -y --endpoint gw.example.org >/dev/null 2>&1 || complain "no configuration to complete from"
culvert peer add office alice -o "$scratch/alice.conf" 2>/dev/null || complain "no peer to complete"

bash -n "$folder/culvert.bash" || complain "bash does not parse it"
zsh -n "$folder/_culvert" || complain "zsh does not parse it"
fish -n "$folder/culvert.fish" || complain "fish does not parse it"

# options_of VERB...: the long options that --help tells, but those of every verb.
options_of() { culvert "$@" --help | grep -o -- '--[a-z-]*[a-z]' | grep -vx -e --help -e --config-dir | sort -u; }
verbs=$(culvert --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$verbs")" -ge 14 ] || complain "the help lists too few verbs: $verbs"
commands=()
for verb in $verbs; do
  case $verb in
    peer) for sub in add remove list show rotate; do commands+=("peer $sub"); done ;;
    init) commands+=("init gateway" "init client") ;;
    *) commands+=("$verb") ;;
  esac
done

# shellcheck source=/dev/null
source "$folder/culvert.bash"
in_bash() { # WORD...: what bash offers for the last word
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  _culvert
  printf '%s\n' "${COMPREPLY[@]}"
}
in_fish() { fish --no-config -c "source '$folder/culvert.fish'; complete -C '$1'" | cut -f 1; }

for verb in $verbs help; do
  in_bash culvert "$verb" | grep -qx "$verb" || complain "bash does not complete the verb $verb"
  grep -q "'$verb:" "$folder/_culvert" || complain "zsh does not know the verb $verb"
done
offered=$(in_fish 'culvert ')
for verb in $verbs help; do grep -qx "$verb" <<<"$offered" || complain "fish does not complete the verb $verb"; done

for command in "${commands[@]}"; do
  read -ra words <<<"$command"
  names=(office)
  [ "${words[0]}" != peer ] || names+=(alice)
  [ "${words[0]}" != init ] || names=()
  options=$(options_of "${words[@]}")
  [ -n "$options" ] || continue
  by_bash=$(in_bash culvert "${words[@]}" "${names[@]}" -)
  by_fish=$(in_fish "culvert ${words[*]} ${names[*]} --")
  for option in $options; do
    grep -qx -- "$option" <<<"$by_bash" || complain "bash does not complete $option of $command"
    grep -qx -- "$option" <<<"$by_fish" || complain "fish does not complete $option of $command"
    grep -q -- "$option\[\|,$option}" "$folder/_culvert" || complain "zsh does not know $option of $command"
  done
done

for verb in up down reload status check export; do
  in_bash culvert "$verb" off | grep -qx office || complain "bash does not complete the interface of $verb"
  in_fish "culvert $verb off" | grep -qx office || complain "fish does not complete the interface of $verb"
done
for verb in remove show rotate; do
  in_bash culvert peer "$verb" office al | grep -qx alice || complain "bash does not complete the peer of $verb"
  in_fish "culvert peer $verb office al" | grep -qx alice || complain "fish does not complete the peer of $verb"
done
echo "${#commands[@]} verbs in three shells, $bad complaints"
[ "$bad" = 0 ]
