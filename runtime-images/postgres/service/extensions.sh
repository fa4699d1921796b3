# Lets the owner of a database install extensions, and use what they keep for superusers. A machine of its own is what keeps
# it from others. Runs while the image is made, inside its root.
set -e
place=/usr/share/postgresql/17/extension

for name in amcheck pageinspect pg_buffercache pg_cron pg_prewarm pg_stat_statements pgrowlocks pgstattuple postgres_fdw \
  postgis postgis_topology vector; do
  # Some of them are links.
  sed -i --follow-symlinks /^trusted/d "$place/$name.control"
  echo trusted = true >>"$place/$name.control"
done

# Last in what CREATE EXTENSION runs, as the superuser: names are looked for nowhere else than in the catalogue.
for name in amcheck pg_buffercache pg_cron pg_stat_statements pgrowlocks pgstattuple postgres_fdw; do
  version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$place/$name.control")
  cat >>"$(ls "$place/$name"--*"--$version.sql")" <<SQL

SET LOCAL search_path = pg_catalog, pg_temp;
DO \$grants\$
DECLARE
  made record;
BEGIN
  FOR made IN
    SELECT object.type, object.identity
    FROM pg_extension, pg_depend, pg_identify_object(classid, objid, 0) AS object
    WHERE extname = '$name' AND refclassid = 'pg_extension'::regclass AND refobjid = pg_extension.oid AND deptype = 'e'
      AND object.type IN ('function', 'schema', 'foreign-data wrapper')
  LOOP
    EXECUTE 'GRANT ALL ON ' || replace(made.type, '-', ' ') || ' ' || made.identity || ' TO @extowner@ WITH GRANT OPTION';
  END LOOP;
END
\$grants\$;
SQL
done

# The owner may write into every table, that of the jobs included. pg_cron's own setting for this ends Postgres at the first
# job that goes against it.
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$place/pg_cron.control")
echo "ALTER TABLE cron.job ADD CONSTRAINT job_of_no_superuser CHECK (username <> 'postgres');" \
  >>"$(ls "$place"/pg_cron--*"--$version.sql")"
