# Who holds a time limit where no service manager does it: a process of the host's own, known by its name.

lift() {
    for pid in $(holders limit); do
        kill -s KILL -- "-$pid" 2>/dev/null
    done
}

# A process of its own session, which whoever asked for it can't take with him.
watch() {
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
