# Who holds a time limit where no service manager does it: a process of the host's own, known by its name.

limits() {
    holders limit
}

lift() {
    for pid in $1; do
        kill -s KILL -- "-$pid" 2>/dev/null
    done
    return 0
}

# logind ends all of a session with it, whoever's processes they are, where it is told to (logind.conf(5)).
outlives_its_session() {
    session=$(grep -o 'session-[^/]*[.]scope' /proc/self/cgroup 2>/dev/null | head -n 1)
    session=${session#session-}
    [ -n "$session" ] || return 0
    why="whether logind ends what a session leaves can't be told, so nobody could be had to hold the limit"
    rules=$(loginctl show-session -p KillUserProcesses -p KillExcludeUsers -p KillOnlyUsers 2>/dev/null) || return 1
    case $rules in *KillUserProcesses=yes*) ;; *) return 0 ;; esac
    who=$(loginctl show-session "${session%.scope}" -p Name 2>/dev/null | cut -d = -f 2)
    why="logind ends what a session of ${who:-this user} leaves (KillUserProcesses=yes), and who would hold the limit with it: \
add ${who:-the user} to KillExcludeUsers= in logind.conf"
    excluded=$(printf '%s\n' "$rules" | grep '^KillExcludeUsers=' | cut -d = -f 2)
    only=$(printf '%s\n' "$rules" | grep '^KillOnlyUsers=' | cut -d = -f 2)
    case " $excluded " in *" $who "*) return 0 ;; esac
    [ -n "$(echo $only)" ] || return 1
    case " $only " in *" $who "*) return 1 ;; esac
}

# A process of its own session, which whoever asked for it can't take with him.
watch() {
    outlives_its_session || return 1
    why="nobody on the host could be had to hold the limit"
    ready=$({ setsid sh -c 'whole=$1; shift; eval "$whole"' "faildrill.limit.$key" "$whole" limit "$1" </dev/null 2>/dev/null & } | head -n 1)
    [ "$ready" = ready ]
}

limit() {
    trap '' HUP
    echo ready
    exec >/dev/null
    sleep "$1"
    # From here on by another name: who puts back ends one that waits, and waits for one that acts.
    exec sh -c 'whole=$1; shift; eval "$whole"' "faildrill.ending.$key" "$whole" ending
}
