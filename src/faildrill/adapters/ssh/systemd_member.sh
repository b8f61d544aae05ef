# A member that is a unit of systemd, by all processes of its control group. `unit`; `ctl`, `ctl_patiently` and `run_later`
# are systemd's programs.

find_member() {
    main=
    roots=
    group=
    restart=
    bound=
    is_active=
    if ! said=$(ctl show -p LoadState,ActiveState,MainPID,ControlGroup,Restart,BoundBy "$unit" 2>&1); then
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
    bound=$(printf '%s\n' "$said" | grep '^BoundBy=' | cut -d = -f 2)
    case $said in *ActiveState=active* | *ActiveState=reloading*) is_active=yes ;; esac
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

# A unit may have no main process: then it is down where systemd says so, or nothing of it runs.
is_down() {
    [ -z "$main" ] && { [ -z "$is_active" ] || [ -z "$members" ]; }
}

# What is bound to it would end with it, and is started by nobody when it is put back.
spares_others() {
    along=
    for one in $bound; do
        ! ctl is-active --quiet "$one" 2>/dev/null || along="$along $one"
    done
    why="$(echo $along) would go down with $unit (BindsTo=), and not come back with it: stop that first"
    [ -z "$along" ]
}

bring_up() {
    ctl reset-failed "$unit" 2>/dev/null
    # One that counts as active with nothing of it running (RemainAfterExit=) would not be started.
    [ -z "$is_active" ] || [ -n "$(list)" ] || ctl_patiently stop --job-mode=ignore-requirements "$unit" 2>/dev/null
    why=$(ctl_patiently start "$unit" 2>&1) || { why="systemd does not start $unit: $why"; return 1; }
}

# One that systemd would start again is told to stay down: a stop takes a start that is planned away. Without what
# requires the unit or is part of it, which a crash leaves up, and which nobody would start again.
stay_down() {
    [ "$restart" = no ] || ctl stop --no-block --job-mode=ignore-requirements "$unit" 2>/dev/null
    now
    until_then=$((now + 200))
    while :; do
        find_member || return 1
        members=$(list)
        [ -n "$members" ] || return 0
        send KILL "$members"
        now
        [ "$now" -le "$until_then" ] || { why="systemd has started $unit again"; return 1; }
        pause
    done
}

# A timer of systemd's own: whatever becomes of the session that asked for it. `$$` is a `$` there (systemd.service(5)).
watch() {
    why="systemd sets no timer that would hold the limit"
    now
    run_later --unit="faildrill-limit-$key-$now" --collect --on-active="$1" --timer-property=AccuracySec=10ms \
        /bin/sh -c 'whole=$$(echo "$$1" | base64 -d); shift; eval "$$whole"' "faildrill.ending.$key" \
        "$(printf %s "$whole" | base64 | tr -d '\n')" ending >/dev/null 2>&1
}

limits() {
    ctl list-units --plain --no-legend --full --all "faildrill-limit-$key-*.timer" 2>/dev/null | cut -d ' ' -f 1
}

lift() {
    [ -z "$1" ] || ctl stop $1 2>/dev/null
    return 0
}
