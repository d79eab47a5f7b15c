#!/bin/sh
# Gives every service a role and a schema of its own, and nobody else anything. Can be run again at any time; a changed
# password is in force from then on.
set -eu

role() {
    PASSWORD="$(cat "/run/secrets/$1")" psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --set role="portico_$1" \
        --set schema="$2" --file /roles.sql
}

PGPASSWORD="$(cat /run/secrets/postgres)"
export PGPASSWORD
role auth auth
role user users
role product product
