# A member that is a process with a pid file, all that descends from it, and what else belongs to it (`others`).
#
# `pid_file`, `command`; `others` calls `another` once for each; `start_it` starts it, and returns how that ended.

# Finds the process of a pid file: `root`, empty where there is none, or another one has its number by now.
root_of() {
    root=
    folder=${1%/*}
    while [ -n "$folder" ] && [ ! -e "$folder" ]; do folder=${folder%/*}; done
    [ -x "${folder:-/}" ] || { why="whether $1 is there can't be seen: ${folder:-/} may not be entered by this user"; return 1; }
    [ -e "$1" ] || return 0
    pid=
    { read -r pid _ <"$1"; } 2>/dev/null
    case $pid in
        '') [ -r "$1" ] || [ ! -e "$1" ] || { why="$1 can't be read by this user"; return 1; } ;;
        *[!0-9]*) why="$1 holds no number of a process"; return 1 ;;
        *) is_it "$pid" "$2" ;;
    esac
}

# By a whole word: a number of `postgres` that is stale may be one of `postgres_exporter` by now.
is_it() {
    title=$({ tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null)
    before='[!A-Za-z0-9_-]'
    after=$before
    case $2 in $before*) before= ;; esac
    case $2 in *$after) after= ;; esac
    case " $title " in
        *$before"$2"$after*) root=$1 ;;
        '  ')
            # `man 5 proc`, hidepid: one of another user may live without being seen.
            case $(LC_ALL=C kill -s 0 "$1" 2>&1) in
                *ermitted*) why="process $1 is another user's, and can't be seen by this one"; return 1 ;;
            esac ;;
    esac
}

another() {
    root_of "$1" "$2" || return 1
    roots="$roots $root"
}

find_member() {
    root_of "$pid_file" "$command" || return 1
    main=$root
    roots=$root
    others
}

stay_down() {
    :
}

is_down() {
    [ -z "$main" ]
}

spares_others() {
    :
}

list() {
    [ -z "$(echo $roots)" ] || descend $roots
}

bring_up() {
    log=$(mktemp 2>/dev/null) || log=/dev/null
    start_it >"$log" 2>&1 </dev/null
    code=$?
    why="what starts it ended with $code; it said: $(tail -c 400 "$log" 2>/dev/null)"
    [ "$log" = /dev/null ] || rm -f "$log"
    [ "$code" -eq 0 ]
}
