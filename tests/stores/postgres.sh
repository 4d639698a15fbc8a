#!/bin/sh
# A PostgreSQL of the tests' own, in a folder of its own:
#   postgres.sh start DIRECTORY PID    made and started; it goes away with process PID
#   postgres.sh restart DIRECTORY      as after a crash
#   postgres.sh halt|resume DIRECTORY
#   postgres.sh stop DIRECTORY         and the folder is removed
# Its port is in DIRECTORY/port, its socket in DIRECTORY; superuser lemmy_admin comes in by the socket without a
# password, user lemmy by TCP with password "pa:ss@w/ord?". The certificate for localhost is DIRECTORY/server.crt.
set -eu
what=$1 dir=$2

bin=$(command -v pg_ctl || ls /usr/lib/postgresql/*/bin/pg_ctl 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || { echo "postgres.sh: there is no PostgreSQL: tools/install.sh test" >&2; exit 1; }
bin=$(dirname "$(readlink -f "$bin")")

as_user() { # PostgreSQL refuses to run as root
  if [ "$(id -u)" != 0 ]; then "$@"; return; fi
  user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@")
}
ctl() { as_user "$bin/pg_ctl" -s -w -t 60 -D "$dir/data" -l "$dir/log" "$@" </dev/null >/dev/null 2>&1; }

case "$what" in
start)
  mkdir -p "$dir"
  [ "$(id -u)" != 0 ] || { id postgres >/dev/null 2>&1 && chown postgres "$dir" || chown nobody "$dir"; }
  as_user "$bin/initdb" -D "$dir/data" -U lemmy_admin -A trust -E UTF8 --locale=C.UTF-8 -N >/dev/null
  as_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$dir/server.key" -out "$dir/server.crt" 2>/dev/null
  as_user sh -c "cat >'$dir/data/pg_hba.conf'" <<HBA
local all lemmy_admin trust
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
HBA
  for try in 1 2 3 4 5; do
    port=$(shuf -i 20000-32000 -n 1)
    echo "$port" >"$dir/port"
    as_user sh -c "cat >'$dir/data/postgresql.auto.conf'" <<CONF
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
max_connections = 200
fsync = off
ssl = on
ssl_cert_file = '$dir/server.crt'
ssl_key_file = '$dir/server.key'
lc_messages = 'C'
CONF
    ctl start && break
    [ "$try" != 5 ] || { cat "$dir/log" >&2; exit 1; }
  done
  "$bin/psql" -q -h "$dir" -p "$port" -U lemmy_admin -d postgres -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE lemmy LOGIN PASSWORD 'pa:ss@w/ord?';
CREATE DATABASE lemmy OWNER lemmy;
SQL
  # A test program that was killed leaves nothing behind.
  setsid sh -c "while kill -0 $3 2>/dev/null; do sleep 1; done; [ ! -d '$dir' ] || '$0' stop '$dir'" \
    </dev/null >/dev/null 2>&1 &
  ;;
restart) ctl restart -m immediate ;;
halt) ctl stop -m fast ;;
resume) ctl start ;;
stop)
  ctl stop -m immediate || true
  rm -rf "$dir"
  ;;
*) echo "postgres.sh: start, restart, halt, resume or stop" >&2; exit 2 ;;
esac
