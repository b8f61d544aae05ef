# A member whose processes can be listed (`list`): each is signalled, by its number and its start.

# Tells who of a list can't be signalled by this user, before anything is.
barred() {
    while read -r pid start _; do
        [ -n "$pid" ] && is_same "$pid" "$start" || continue
        kill -s 0 "$pid" 2>/dev/null || { is_same "$pid" "$start" && echo "$pid"; }
    done <<LIST
$1
LIST
}

# Holds every process of the member, again and again until a look finds none that runs: one that was not held yet may
# have started another. False where that takes longer than so many hundredths of a second.
hold() {
    now
    until_then=$((now + $1))
    while members=$(list) && running=$(printf '%s\n' "$members" | grep -v ' [Tt]$' | grep .); do
        send STOP "$running"
        now
        [ "$now" -le "$until_then" ] || return 1
        pause
    done
}

hold_all() {
    hold 200 && return
    why="processes $(echo $running) do not stop"
    send CONT "$(list)"
    return 1
}

go_on() {
    send CONT "$(list)"
    now
    until_then=$((now + 50))
    while held=$(list | grep ' T$' | cut -d ' ' -f 1) && [ -n "$held" ]; do
        now
        [ "$now" -le "$until_then" ] || { why="processes $(echo $held) do not go on"; return 1; }
        pause
    done
}

terminate() {
    kill -s TERM "$main"
}

kill_all() {
    hold 50
    members=$(list)
    send KILL "$members"
    now
    until_then=$((now + 200))
    while left=$(left_of "$members") && [ -n "$left" ]; do
        now
        [ "$now" -le "$until_then" ] || { why="processes $(echo $left) do not end"; return 1; }
        pause
    done
    stay_down
}

is_stopped() {
    for root in $roots; do
        printf '%s\n' "$members" | grep -q "^$root [0-9]* [Tt]$" && return
    done
    # A unit may have no main process: then it hangs where none of it runs.
    [ -z "$(echo $roots)" ] && ! printf '%s\n' "$members" | grep -q -v ' [Tt]$'
}

may_signal() {
    spares_us || return 1
    not_ours=$(barred "$members")
    why="this user may not signal process $(echo $not_ours): log in as another one, or say become: true"
    [ -z "$not_ours" ] || return 1
    [ "$1" != KILL ] || spares_others
}
