#!/bin/sh
# Begins as root: the folder of a new volume is root's.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chown -R postgres:postgres "$PGDATA" /run/postgresql
    gosu postgres initdb --auth-local=trust --auth-host=scram-sha-256 --pwfile="$POSTGRES_PASSWORD_FILE" >/dev/null
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    gosu postgres pg_ctl start --wait --silent --options '-c listen_addresses='
    for script in /docker-entrypoint-initdb.d/*.sql; do
        gosu postgres psql --quiet --set ON_ERROR_STOP=1 --file "$script" postgres
    done
    gosu postgres pg_ctl stop --wait --silent
fi
chown postgres:postgres /run/postgresql
exec gosu postgres "$@" -c 'listen_addresses=*'
