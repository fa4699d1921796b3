# Makes the cluster that each new database begins with. Runs while the image is made, inside its root, as the user `app`.
set -e
bin=/usr/lib/postgresql/17/bin
data=/usr/local/lib/thaw/postgres/cluster
# Collation by the locale C.UTF-8 of Postgres itself: indexes do not depend on the version of a C library.
"$bin/initdb" --pgdata="$data" --username=postgres --auth=reject --encoding=UTF8 --data-checksums --no-sync \
  --locale=C.UTF-8 --locale-provider=builtin --builtin-locale=C.UTF-8 >/dev/null
single() { "$bin/postgres" --single -j -D "$data" -c dynamic_shared_memory_type=mmap "$1" >/dev/null; }
printf '%s\n\n' \
  'CREATE ROLE app LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS;' \
  'GRANT pg_monitor, pg_signal_backend, pg_checkpoint, pg_maintain, pg_read_all_data, pg_write_all_data TO app WITH ADMIN OPTION;' \
  'CREATE ROLE thaw_monitor LOGIN BYPASSRLS;' \
  'GRANT pg_monitor, pg_read_all_data TO thaw_monitor;' \
  'CREATE DATABASE app OWNER app;' | single postgres
printf '%s\n\n' 'CREATE EXTENSION pg_stat_statements;' \
  'GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO app WITH GRANT OPTION;' | single app
