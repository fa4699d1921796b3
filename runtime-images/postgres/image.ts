import { readFileSync } from 'node:fs';
import { base } from '../base/image.ts';
import type { ImageDefinition, ImageFile } from '../definition.ts';

const PLACE = '/usr/local/lib/thaw/postgres';
const BIN = '/usr/lib/postgresql/17/bin';

/** Runs Postgres, and PgBouncer in front of it, on a disk that is attached at `/data`. */
export const postgres: ImageDefinition = {
  name: 'postgres',
  parent: base,
  // Debian 12 has no pgvector, and a PgBouncer that loses the prepared statements of a transaction's session.
  suite: 'trixie',
  debian: [
    ...['postgresql-17', 'postgresql-17-pgvector', 'postgresql-17-cron', 'postgresql-17-postgis-3'],
    ...['pgbouncer', 'pgbackrest'],
  ],
  install: [
    // Debian's own cluster; ours is made below, by a user whose number is the same in every image.
    'rm -rf "$1"/var/lib/postgresql/17 "$1"/etc/postgresql/17',
    `chroot "$1" /bin/bash -c '${quoted('extensions.sh')}'`,
    `install -d -o 1000 -g 1000 -m 0755 "$1"${PLACE}`,
    'install -d -o 1000 -g 1000 -m 0700 "$1"/app/run',
    `chroot --userspec=1000:1000 "$1" /bin/bash -c '${quoted('cluster.sh')}'`,
  ],
  leftOut: [
    // The compiler for queries, which small machines are better off without.
    '/usr/lib/x86_64-linux-gnu/libLLVM*',
    '/usr/lib/postgresql/17/lib/llvmjit*',
    '/usr/lib/postgresql/17/lib/bitcode',
    '/usr/share/postgresql/17/man',
  ],
  npm: [],
  addons: [],
  files: [
    'start',
    'sql',
    'backup',
    'restore',
    'backup-settings',
    'pgbackrest.conf',
    'postgresql.conf',
    'pg_hba.conf',
    'pg_ident.conf',
    'pgbouncer.ini',
  ].map(file),
  links: ['pg_dump', 'psql'].map((name) => ({ path: `/usr/local/bin/${name}`, target: `${BIN}/${name}` })),
  warm: [
    ...base.warm,
    ['cat', `${BIN}/postgres`, '/usr/sbin/pgbouncer'],
    [`${BIN}/postgres`, '--version'],
    ['/usr/sbin/pgbouncer', '--version'],
    ['psql', '--version'],
  ],
  diskBytes: base.diskBytes,
};

function file(name: string): ImageFile {
  return { path: `${PLACE}/${name}`, text: read(name) };
}

function read(name: string): string {
  return readFileSync(new URL(`service/${name}`, import.meta.url), 'utf8');
}

/** A script, to stand between single quotes. */
function quoted(name: string): string {
  return read(name).replaceAll("'", `'\\''`);
}
