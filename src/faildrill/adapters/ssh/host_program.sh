# What a reach runs on a host: one member is looked at, signalled and started, an order a line, each answered by a line.
#
# In front of this stand the words that are the member's own (`nonce`, `key`, `whole`), and what it is: process_member.sh,
# systemd_member.sh or container_member.sh, with processes.sh and watchman.sh, have find_member (`main`, `roots`), list, is_stopped,
# is_down, may_signal, kill_all, hold_all, go_on, terminate, bring_up, watch, limits and lift; each says `why` it failed.
# POSIX sh with awk, grep, head and the tools that are named below; Linux, as /proc is read. No order is done twice.
#
#   ID state                          running | stopped | absent
#   ID signal NAME SECONDS BEFORE     KILL, STOP, CONT: to every process of it; TERM: to its main process
#   ID start BEFORE                   does nothing where it runs
#   ID listens FAMILY LOCAL4 REMOTE4 LOCAL6 REMOTE6
#   ID content FILE                   FILE in base64; the answer, too: 257 bytes at the most
#   ID time
#
# SECONDS: after so many the host itself has the member run again, `-` for never. BEFORE: the uptime, in hundredths of
# a second, after which an order that comes late is not begun any more, and a signal not sent two seconds later; 0 for never.
#
# An answer: NONCE ID UPTIME ok|unseen|refused|failed WORDS. `refused`: provably nothing was changed.

now() {
    read -r uptime _ </proc/uptime
    now=${uptime%.*}${uptime#*.}
}

answer() {
    now
    printf '%s %s %s %s\n' "$nonce" "$id" "$now" "$(printf %s "$*" | tr '\n\r' '  ')"
}

# proc_pid_stat(5): the name in brackets may hold blanks, brackets and new lines; what counts begins behind the last one.
is_same() {
    line=
    { while IFS= read -r part || [ -n "$part" ]; do line="$line $part"; done <"/proc/$1/stat"; } 2>/dev/null
    set -- "$2" ${line##*) }
    [ "${21:-}" = "$1" ] && state_of_it=$2
}

# Lines of PID START STATE: the processes named, and all that descend from them, parents first; no remains of any.
descend() {
    cat /proc/[0-9]*/stat 2>/dev/null | LC_ALL=C awk -v roots="$*" '
        {
            text = $0
            while ((at = index(text, ")")) > 0) text = substr(text, at + 1)
            split(text, field, " ")
            if (field[1] ~ /[ZXx]/) next
            state[$1] = field[1]; start[$1] = field[20]
            below[field[2]] = below[field[2]] " " $1
        }
        END {
            count = split(roots, queue, " ")
            for (i = 1; i <= count; i++) {
                pid = queue[i]
                if (!(pid in state) || pid in seen) continue
                seen[pid] = 1
                print pid, start[pid], state[pid]
                children = split(below[pid], child, " ")
                for (j = 1; j <= children; j++) queue[++count] = child[j]
            }
        }'
}

# Sends a signal to those of a list that are still the ones: asked right before, as a number may be another's by now.
send() {
    while read -r pid start _; do
        [ -n "$pid" ] && is_same "$pid" "$start" && kill -s "$1" "$pid" 2>/dev/null
    done <<LIST
$2
LIST
}

left_of() {
    while read -r pid start _; do
        [ -n "$pid" ] && is_same "$pid" "$start" || continue
        case $state_of_it in [ZXx]) ;; *) echo "$pid" ;; esac
    done <<LIST
$1
LIST
}

pause() {
    sleep 0.01 2>/dev/null || sleep 1
}

# Who holds a limit, or ends the fault as it is over, is found by its name: no file of ours is on the host.
holders() {
    for file in $(grep -l -s "faildrill[.]$1[.]$key" /proc/[0-9]*/cmdline 2>/dev/null); do
        file=${file%/cmdline}
        echo "${file#/proc/}"
    done
}

# Twice where the first time finds nothing to do: the limit is held before the signal is sent.
ending() {
    for turn in 1 2; do
        if find_member; then
            members=$(list)
            if is_down; then
                bring_up && return
            elif is_stopped; then
                go_on && return
            fi
        fi
        sleep 3
    done
}

state() {
    find_member || { answer unseen "$why"; return; }
    members=$(list)
    if [ -z "$members" ]; then
        answer ok absent
    elif is_stopped; then
        answer ok stopped
    else
        answer ok running
    fi
}

# Whether it is later than BEFORE, or so many hundredths of a second later than that.
is_late() {
    now
    [ "$1" -ne 0 ] && [ "$now" -gt "$(($1 + ${2:-0}))" ]
}

# This session, all that it descends from, and the first process: who ends one of them hears no answer.
spares_us() {
    ours=" 1 "
    pid=$$
    while [ "${pid:-0}" -gt 1 ]; do
        ours="$ours$pid "
        line=
        { while IFS= read -r part || [ -n "$part" ]; do line="$line $part"; done <"/proc/$pid/stat"; } 2>/dev/null
        set -- ${line##*) }
        pid=${2:-0}
    done
    while read -r pid _; do
        case $ours in *" ${pid:-none} "*) why="process $pid of it is one that this session needs"; return 1 ;; esac
    done <<LIST
$members
LIST
}

signal() {
    if is_late "$3"; then answer refused "the order came too late, and was not begun"; return; fi
    find_member || { answer refused "$why"; return; }
    members=$(list)
    [ -n "$members" ] || { answer refused "it does not run"; return; }
    may_signal "$1" || { answer refused "$why"; return; }
    older=$(limits)
    if [ "$2" != - ] && ! watch "$2"; then
        disarm
        answer refused "$why"
        return
    fi
    if is_late "$3" 200; then
        disarm
        answer refused "the host was too slow for the order, and did not do it"
        return
    fi
    if act "$1"; then answer ok "$1"; else answer failed "$why"; fi
}

# Takes away the limit of a signal that is not sent. Beside an older one it stays: it finds nothing to do.
disarm() {
    [ -n "$older" ] || lift "$(limits)"
}

# A limit is lifted where another one holds by now, or once what it was for is over.
act() {
    case $1 in
        KILL) lift "$older"; kill_all ;;
        STOP) lift "$older"; hold_all || over "$?" ;;
        CONT) go_on && lift "$older" ;;
        TERM) terminate && lift "$older" ;;
        *) why="no such signal: $1"; false ;;
    esac
}

# After a hold that failed: one that was cut short (124) may be done yet, and its limit stays.
over() {
    because=$why
    if [ "$1" -ne 124 ] && find_member; then
        members=$(list)
        is_stopped || printf '%s\n' "$members" | grep -q ' T$' || lift "$(limits)"
    fi
    why=$because
    return 1
}

start() {
    if is_late "$1"; then answer refused "the order came too late, and was not begun"; return; fi
    find_member || { answer refused "$why"; return; }
    older=$(limits)
    lift "$older"
    turns=0
    while [ -n "$(holders ending)" ] && [ "$turns" -lt 3000 ]; do
        turns=$((turns + 1))
        pause
    done
    if brought_up; then answer ok started; return; fi
    because=$why
    [ -z "$older" ] || watch 10 || because="$because; and no limit is held any more: $why"
    answer failed "$because"
}

brought_up() {
    find_member || return 1
    members=$(list)
    ! is_down || bring_up
}

# proc_pid_net(5), and who holds the sockets that take connections there, as far as this user may see.
listens() {
    find_member || { answer unseen "$why"; return; }
    # In the network that the member is in, which may be one of its own.
    net=/proc/${main:-self}/net
    tables=$net/tcp
    [ ! -e "$net/tcp6" ] || tables="$tables $net/tcp6"
    # A socket that is bound to the very address takes its connections; only where there is none, one bound to all.
    found=$(LC_ALL=C awk -v family="$1" -v local4="$2" -v remote4="$3" -v local6="$4" -v remote6="$5" '
        FNR == 1 { next }
        {
            six = (FILENAME ~ /6$/); own = six ? local6 : local4; other = six ? remote6 : remote4
            if ($4 != "0A" && $4 != "02" && $2 == own && $3 == other) print 0, "arrived"
            if ($4 != "0A") next
            split($2, at, ":"); split(own, wanted, ":")
            if (own == "-" || at[2] != wanted[2]) next
            rank = ($2 == own) ? 1 : (at[1] ~ /^0+$/) ? (six == (family == 6) ? 2 : 3) : 0
            if (rank) print rank, $10
        }' $tables | sort -u)
    arrived=$(printf '%s\n' "$found" | grep -c arrived)
    rank=$(printf '%s\n' "$found" | grep -v arrived | cut -d ' ' -f 1 | head -n 1)
    inodes=$(printf '%s\n' "$found" | grep "^${rank:-none} " | cut -d ' ' -f 2)
    held=$(ls -l /proc/[0-9]*/fd 2>/dev/null | LC_ALL=C awk -v inodes="$(echo $inodes)" '
        BEGIN { count = split(inodes, one, " "); for (i = 1; i <= count; i++) wanted["socket:[" one[i] "]"] = one[i] }
        /^\/proc\// { split($0, part, "/"); pid = part[3]; next }
        $NF in wanted { who[wanted[$NF]] = who[wanted[$NF]] "," pid }
        END { for (i = 1; i <= count; i++) print one[i] ":" substr(who[one[i]], 2) }')
    mine=$(list | cut -d ' ' -f 1)
    answer ok "arrived=$arrived" "mine=$(echo $mine | tr ' ' ,)" "sockets=$(echo $held | tr ' ' '/')"
}

content() {
    file=$(echo "$1" | base64 -d)
    [ -f "$file" ] || { answer unseen "$file is no file that this user can see"; return; }
    [ -r "$file" ] || { answer unseen "$file can't be read by this user"; return; }
    answer ok "$(head -c 257 "$file" | base64 | tr -d '\n')"
}

serve() {
    id=0
    # Two bytes, to see in which order the host's processor has those of a number, as /proc/net/tcp does.
    answer ok "$(printf '\001\000' | od -A n -t u2 | tr -d ' ')"
    while read -r id verb first second third fourth fifth; do
        case $verb in
            state) state ;;
            signal) signal "$first" "$second" "$third" ;;
            start) start "$first" ;;
            listens) listens "$first" "$second" "$third" "$fourth" "$fifth" ;;
            content) content "$first" ;;
            time) answer ok time ;;
            *) answer refused "no such order: $verb" ;;
        esac
    done
}

cd / || exit 1
case ${1:-serve} in
    limit) limit "$2" ;;
    ending) ending ;;
    serve) serve ;;
esac
