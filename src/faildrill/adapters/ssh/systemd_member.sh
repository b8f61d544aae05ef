# A member that is a unit of systemd, by all processes of its control group. `unit`; `ctl` and `run_later` are systemd's programs.

find_member() {
    main=
    roots=
    group=
    restart=
    if ! said=$(ctl show -p LoadState,MainPID,ControlGroup,Restart "$unit" 2>&1); then
        why="systemd does not tell of $unit: $(printf %s "$said" | tail -n 1)"
        return 1
    fi
    case $said in
        *LoadState=loaded*) ;;
        *) why="there is no unit $unit: $(printf '%s\n' "$said" | grep LoadState=)"; return 1 ;;
    esac
    main=$(printf '%s\n' "$said" | grep '^MainPID=' | cut -d = -f 2)
    [ "$main" != 0 ] || main=
    restart=$(printf '%s\n' "$said" | grep '^Restart=' | cut -d = -f 2)
    roots=$main
    own=$(printf '%s\n' "$said" | grep '^ControlGroup=' | cut -d = -f 2-)
    [ -n "$own" ] || return 0
    # cgroups(7): the one hierarchy, or systemd's own beside those of controllers.
    for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup /sys/fs/cgroup/unified; do
        [ ! -e "$tree$own/cgroup.procs" ] || { group=$tree$own; break; }
    done
}

list() {
    [ -n "$group" ] || return 0
    for pid in $(find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null); do
        line=
        { while IFS= read -r part || [ -n "$part" ]; do line="$line $part"; done <"/proc/$pid/stat"; } 2>/dev/null
        set -- ${line##*) }
        case ${1:-Z} in [ZXx]) ;; *) echo "$pid ${20} $1" ;; esac
    done
}

bring_up() {
    ctl reset-failed "$unit" 2>/dev/null
    why=$(ctl start "$unit" 2>&1) || { why="systemd does not start $unit: $why"; return 1; }
}

# One that systemd would start again is told to stay down: a stop takes a start that is planned away.
stay_down() {
    [ "$restart" = no ] || ctl stop "$unit" 2>/dev/null
    find_member && [ -z "$(list)" ] || { why="systemd has started $unit again"; return 1; }
}

# A timer of systemd's own: whatever becomes of the session that asked for it. `$$` is a `$` there (systemd.service(5)).
watch() {
    run_later --unit="faildrill-limit-$key" --collect --on-active="$1" --timer-property=AccuracySec=10ms \
        /bin/sh -c 'whole=$$(echo "$$1" | base64 -d); shift; eval "$$whole"' "faildrill.ending.$key" \
        "$(printf %s "$whole" | base64 | tr -d '\n')" ending >/dev/null 2>&1
}

lift() {
    ctl stop "faildrill-limit-$key.timer" 2>/dev/null
}
