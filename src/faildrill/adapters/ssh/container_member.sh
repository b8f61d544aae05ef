# A member that is a container of this host, under Podman or Docker: `engine` and `engine_patiently` run its
# command line, `container` is its name.

find_member() {
    main=
    roots=
    if ! said=$(engine inspect --type container --format '{{.State.Status}} {{.State.Pid}}' "$container" 2>&1); then
        why="the container $container is not seen: $(printf %s "$said" | tail -n 1)"
        return 1
    fi
    status=${said%% *}
    case $status in
        running | paused) main=${said##* }; roots=$main ;;
        exited | stopped | created | configured | dead) ;;
        *) why="the container $container is $status"; return 1 ;;
    esac
}

list() {
    [ -z "$roots" ] || descend "$roots"
}

is_stopped() {
    [ "$status" = paused ]
}

is_down() {
    [ -z "$main" ]
}

may_signal() {
    spares_us
}

# The engine ends all of it by its control group, and tells a moment later that it has.
kill_all() {
    ask kill --signal KILL "$container" || return 1
    now
    until_then=$((now + 300))
    while find_member && [ -n "$main" ]; do
        now
        [ "$now" -le "$until_then" ] || { why="the container $container is $status"; return 1; }
        pause
    done
}

hold_all() {
    ask pause "$container"
}

go_on() {
    [ "$status" != paused ] || ask unpause "$container"
}

terminate() {
    ask kill --signal TERM "$container"
}

bring_up() {
    why=$(engine_patiently start "$container" 2>&1 >/dev/null </dev/null) || told start
}

# Its end is that of the engine's program: 124 where it was cut short, and may be done yet.
ask() {
    why=$(engine "$@" 2>&1 >/dev/null </dev/null) || told "$1"
}

told() {
    code=$?
    why="$1 failed: $(printf %s "${why:-it ended with $code}" | tail -n 1)"
    return "$code"
}
