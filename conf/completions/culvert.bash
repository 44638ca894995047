# SPDX-License-Identifier: MIT
# bash completion for culvert(8).

_culvert_interfaces() {
  local file
  for file in "${CULVERT_CONFIG_DIR:-/etc/culvert}"/*.toml /var/run/culvert/*.sock; do
    [ -e "$file" ] || continue
    file=${file##*/}
    printf '%s\n' "${file%.*}"
  done | sort -u
}

_culvert_peers() { culvert peer list "$1" 2>/dev/null | awk 'NR > 1 { print $1 }'; }

_culvert() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i
  local -a words=()
  # The words before the current one, without options and their values.
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --config-dir) i=$((i + 1)) ;;
      -*) ;;
      *) words+=("${COMP_WORDS[i]}") ;;
    esac
  done
  local verb=${words[0]-} choices=
  COMPREPLY=()
  case $previous in
    -o | --output | --qr-png | --qr-svg | -w | --write | --keys) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --config-dir) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
  esac
  case $verb in
    '') choices='up down reload portal status doctor events capture check init peer import export genkey pubkey genpsk version help --help --version --config-dir' ;;
    up | check | export)
      choices="$(_culvert_interfaces)"
      [ "$verb" != export ] || choices+=' --output --force'
      mapfile -t COMPREPLY < <(compgen -f -X '!*.@(toml|conf)' -- "$current")
      ;;
    down | portal | reload | status | doctor | events | capture)
      choices="$(_culvert_interfaces)"
      case $verb in
        reload) choices+=' --dry-run' ;;
        portal) choices+=' --minutes' ;;
        status) choices+=' --json --watch' ;;
        doctor) choices+=' --json' ;;
        events) choices+=' --follow' ;;
        capture) choices+=' --peer --write --count --seconds --snap --keys' ;;
      esac
      ;;
    import)
      choices='--name --force'
      mapfile -t COMPREPLY < <(compgen -f -X '!*.conf' -- "$current")
      ;;
    init)
      case ${words[1]-} in
        '') choices='gateway client' ;;
        gateway) choices='--address --port --endpoint --outside --mtu --no-masquerade --force --yes' ;;
        client) choices='--address --endpoint --peer-key --allowed-ips --dns --mtu --kill-switch --force --yes' ;;
      esac
      ;;
    peer)
      case ${#words[@]} in
        1) choices='add remove list show rotate' ;;
        2) choices="$(_culvert_interfaces)" ;;
        *)
          [ ${#words[@]} -gt 3 ] || [ "${words[1]}" = add ] || choices="$(_culvert_peers "${words[2]}")"
          case ${words[1]} in
            add) choices+=' --public-key --address --allowed-ips --endpoint --expires --no-preshared-key' ;;&
            rotate) choices+=' --public-key' ;;&
            add | rotate) choices+=' --output --toml --full-tunnel --dns --qr-png --qr-svg --qr --no-qr --force' ;;
          esac
          ;;
      esac
      ;;
  esac
  local -a found
  mapfile -t found < <(compgen -W "$choices" -- "$current")
  COMPREPLY+=("${found[@]}")
}

complete -F _culvert culvert
