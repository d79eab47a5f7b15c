#!/bin/sh
# Makes the keys and passwords of this installation, once. Each container gets a volume with what it needs and nothing
# else; files that are there already stay as they are.
#
# With DATABASE_HOST and the rest unset this is all that has to be run before the first start.
set -eu
umask 0333

folder=/secrets

# Writes what comes on standard input, whole or not at all.
keep() {
    if [ ! -e "$folder/$1" ]; then
        cat >"$folder/$1.part"
        mv "$folder/$1.part" "$folder/$1"
    fi
}

# 32 random bytes in base64.
key() {
    head -c 32 /dev/urandom | base64
}

# 32 random bytes in hexadecimal, which needs no escaping in an address.
password() {
    head -c 32 /dev/urandom | od -A n -t x1 | tr -d ' \n'
}

password | keep database/postgres
# The folders that are there beside the database's are the services'.
for path in "$folder"/*; do
    service=${path##*/}
    [ "$service" != database ] || continue
    password | keep "database/$service"
    echo "postgres://portico_$service:$(cat "$folder/database/$service")@postgres:5432/portico" |
        keep "$service/database_url"
    # For the cursors of lists, which auth does not have.
    [ "$service" = auth ] || key | keep "$service/cursor_key"
done

key | keep auth/master_key
key | keep auth/password_pepper
