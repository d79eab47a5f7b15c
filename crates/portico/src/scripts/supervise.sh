# shellcheck shell=sh
# Runs the command it is given as its own child, and stops it, with all that it started, when standard input ends: the
# runner holds the other end of that pipe, so the end comes even when the runner is killed with -9. The runner makes this
# shell the leader of a process group, which is what `0` below stands for.
exec 3<&0 </dev/null

"$@" 3<&- &
child=$!
# Only from here on: what a shell ignores, its children ignore.
trap '' TERM

stop_at_end_of_input() {
    while read -r _; do :; done <&3
    kill -s TERM 0
    checks=0
    while kill -0 "$child" && [ "$checks" -lt 50 ]; do
        sleep 0.1 || sleep 1
        checks=$((checks + 1))
    done
    kill -s KILL 0
}
stop_at_end_of_input 2>/dev/null &
watcher=$!
exec 3<&-

wait "$child"
status=$?
kill -s TERM 0
kill -s KILL "$watcher" 2>/dev/null
exit "$status"
