# shellcheck shell=sh
# Keeps a cluster that several processes share, for as long as their common parent lives: holds the
# supervisor's pipe (its own standard output), lets go of it when the parent is gone, then removes the folder.
owner=$1
supervisor=$2
folder=$3

is_running() {
    if { read -r stat <"/proc/$1/stat"; } 2>/dev/null; then
        case $stat in
            *') Z '*) return 1 ;;
        esac
        return 0
    fi
    kill -0 "$1" 2>/dev/null
}

while is_running "$owner"; do
    sleep 0.2 >/dev/null || sleep 1 >/dev/null
done

exec >/dev/null
# The supervisor bounds its own end; the count only keeps a zombie from being waited for.
checks=0
while is_running "$supervisor" && [ "$checks" -lt 400 ]; do
    sleep 0.1 || sleep 1
    checks=$((checks + 1))
done
rm -rf -- "$folder"
