# shellcheck shell=sh
# Runs the command it is given (Postgres) as its own child, and stops it when standard input ends: the
# launcher holds the other end of that pipe, so the end comes even when the launcher is killed with -9.
exec 3<&0 </dev/null

"$@" 3<&- &
postgres=$!

# Fast shutdown first; then immediate; then by force.
stop_at_end_of_input() {
    while read -r _; do :; done <&3
    for signal in INT QUIT KILL; do
        checks=0
        kill -s "$signal" "$postgres" || return
        while [ "$checks" -lt 100 ]; do
            kill -0 "$postgres" || return
            sleep 0.1 || sleep 1
            checks=$((checks + 1))
        done
    done
}
stop_at_end_of_input 2>/dev/null &
watcher=$!
exec 3<&-

wait "$postgres"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
