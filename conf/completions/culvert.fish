# SPDX-License-Identifier: MIT
# fish completion for culvert(8).

function __culvert_interfaces
    set -l folder /etc/culvert
    set -q CULVERT_CONFIG_DIR; and set folder $CULVERT_CONFIG_DIR
    for file in $folder/*.toml /var/run/culvert/*.sock
        string replace -r '.*/(.*)\.[a-z]+$' '$1' -- $file
    end | sort -u
end

# The words before the cursor that are no options, without the program's name.
function __culvert_words
    set -l words (commandline -opc)
    string match -v -- '-*' $words[2..-1]
end

function __culvert_at --argument-names count
    test (count (__culvert_words)) -eq $count
end

function __culvert_verb
    set -l words (__culvert_words)
    test (count $words) -ge 1; and contains -- $words[1] $argv
end

function __culvert_peer_verb
    set -l words (__culvert_words)
    test (count $words) -ge 2; and test $words[1] = peer; and contains -- $words[2] $argv
end

function __culvert_role
    set -l words (__culvert_words)
    test (count $words) -ge 2; and test $words[1] = init; and test $words[2] = $argv[1]
end

function __culvert_peers
    set -l words (__culvert_words)
    culvert peer list $words[3] 2>/dev/null | tail -n +2 | string replace -r ' .*' ''
end

complete -c culvert -f
complete -c culvert -s h -l help -d 'Print a help text'
complete -c culvert -l config-dir -x -a '(__fish_complete_directories)' -d 'Where configurations are'
complete -c culvert -n '__culvert_at 0' -l version -d 'Print the version'

complete -c culvert -n '__culvert_at 0' -a up -d 'Bring a tunnel up'
complete -c culvert -n '__culvert_at 0' -a down -d 'Take a tunnel down'
complete -c culvert -n '__culvert_at 0' -a reload -d 'Apply what has changed in the file'
complete -c culvert -n '__culvert_at 0' -a portal -d 'Let a log-in page through the kill switch'
complete -c culvert -n '__culvert_at 0' -a status -d 'Show what runs'
complete -c culvert -n '__culvert_at 0' -a doctor -d 'Find out why a tunnel does not work'
complete -c culvert -n '__culvert_at 0' -a events -d 'Print what happens'
complete -c culvert -n '__culvert_at 0' -a capture -d 'Write the packets inside as pcapng'
complete -c culvert -n '__culvert_at 0' -a check -d 'Check a configuration'
complete -c culvert -n '__culvert_at 0' -a init -d 'Write a configuration'
complete -c culvert -n '__culvert_at 0' -a peer -d 'Add, remove, list, show peers'
complete -c culvert -n '__culvert_at 0' -a import -d 'Take a wg-quick file over'
complete -c culvert -n '__culvert_at 0' -a export -d 'Write a wg-quick file'
complete -c culvert -n '__culvert_at 0' -a genkey -d 'A new private key'
complete -c culvert -n '__culvert_at 0' -a pubkey -d 'The public key of a private one'
complete -c culvert -n '__culvert_at 0' -a genpsk -d 'A new preshared key'
complete -c culvert -n '__culvert_at 0' -a version -d 'Print the version'
complete -c culvert -n '__culvert_at 0' -a help -d 'Print a help text'

complete -c culvert -n '__culvert_at 1; and __culvert_verb up down reload portal status doctor events capture check export' -a '(__culvert_interfaces)'
complete -c culvert -n '__culvert_at 1; and __culvert_verb up check export import' -F
complete -c culvert -n '__culvert_verb reload' -l dry-run -d 'Only print what would change'
complete -c culvert -n '__culvert_verb portal' -l minutes -x -d 'For how long'
complete -c culvert -n '__culvert_verb status doctor' -l json -d 'For programs'
complete -c culvert -n '__culvert_verb events' -s f -l follow -d 'Go on'
complete -c culvert -n '__culvert_verb capture' -s p -l peer -x -d 'Of this peer'
complete -c culvert -n '__culvert_verb capture' -s w -l write -r -F -d 'To this file'
complete -c culvert -n '__culvert_verb capture' -s c -l count -x -d 'End after so many packets'
complete -c culvert -n '__culvert_verb capture' -l seconds -x -d 'End after so long'
complete -c culvert -n '__culvert_verb capture' -l snap -x -d 'Octets of a packet'
complete -c culvert -n '__culvert_verb capture' -l keys -r -F -d 'Also a key log'
complete -c culvert -n '__culvert_verb status' -s w -l watch -d Live
complete -c culvert -n '__culvert_verb import' -l name -x -d "The interface's name"
complete -c culvert -n '__culvert_verb import' -l force -d 'Replace an existing file'
complete -c culvert -n '__culvert_verb export' -s o -l output -r -F -d 'Write a file'
complete -c culvert -n '__culvert_verb export' -l force -d 'Replace it'

complete -c culvert -n '__culvert_at 1; and __culvert_verb init' -a 'gateway client'
complete -c culvert -n '__culvert_verb init' -l address -x -d 'In the tunnel'
complete -c culvert -n '__culvert_verb init' -l endpoint -x -d 'Of the gateway'
complete -c culvert -n '__culvert_verb init' -l mtu -x -d 'Of the interface'
complete -c culvert -n '__culvert_verb init' -l force -d 'Replace an existing file'
complete -c culvert -n '__culvert_verb init' -s y -l yes -d 'Ask nothing'
complete -c culvert -n '__culvert_role gateway' -l port -x -d 'UDP port'
complete -c culvert -n '__culvert_role gateway' -l outside -x -d 'Interface to the Internet'
complete -c culvert -n '__culvert_role gateway' -l no-masquerade -d 'Clients keep their addresses'
complete -c culvert -n '__culvert_role client' -l peer-key -x -d "The gateway's public key"
complete -c culvert -n '__culvert_role client' -l allowed-ips -x -d 'What goes through the tunnel'
complete -c culvert -n '__culvert_role client' -l dns -x -d 'Resolvers to ask'
complete -c culvert -n '__culvert_role client' -l kill-switch -d 'Let nothing out beside the tunnel'

complete -c culvert -n '__culvert_at 1; and __culvert_verb peer' -a 'add remove list show rotate'
complete -c culvert -n '__culvert_at 2; and __culvert_verb peer' -a '(__culvert_interfaces)'
complete -c culvert -n '__culvert_at 3; and __culvert_peer_verb remove show rotate' -a '(__culvert_peers)'
complete -c culvert -n '__culvert_peer_verb add' -l address -x -d 'In the tunnel'
complete -c culvert -n '__culvert_peer_verb add' -l allowed-ips -x -d 'Networks behind it'
complete -c culvert -n '__culvert_peer_verb add' -l endpoint -x -d 'Where it is reached'
complete -c culvert -n '__culvert_peer_verb add' -l expires -x -d 'When it ends'
complete -c culvert -n '__culvert_peer_verb add' -l no-preshared-key -d 'Leave the preshared key out'
complete -c culvert -n '__culvert_peer_verb add rotate' -l public-key -x -d 'Its key'
complete -c culvert -n '__culvert_peer_verb add rotate' -s o -l output -r -F -d "Write the client's file"
complete -c culvert -n '__culvert_peer_verb add rotate' -l toml -d 'In the form of Culvert'
complete -c culvert -n '__culvert_peer_verb add rotate' -l full-tunnel -d 'All of its traffic goes through'
complete -c culvert -n '__culvert_peer_verb add rotate' -l dns -x -d 'Resolvers for it to ask'
complete -c culvert -n '__culvert_peer_verb add rotate' -l qr-png -r -F -d 'Write its code as a picture'
complete -c culvert -n '__culvert_peer_verb add rotate' -l qr-svg -r -F -d 'The same as SVG'
complete -c culvert -n '__culvert_peer_verb add rotate' -l qr -d 'Show the code here'
complete -c culvert -n '__culvert_peer_verb add rotate' -l no-qr -d 'Show none'
complete -c culvert -n '__culvert_peer_verb add rotate' -l force -d 'Replace existing files'
