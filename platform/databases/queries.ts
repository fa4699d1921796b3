import type { DatabaseStatistics, KeepAwake, QueryStatistics } from './contract.ts';

const QUERY_LENGTH = 500;

/** Processes of Postgres that are always there; whatever else there is works on something. */
const PERMANENT = [
  ...['checkpointer', 'background writer', 'walwriter', 'archiver', 'autovacuum launcher'],
  ...['logical replication launcher', 'pg_cron launcher'],
];

/**
 * What Postgres is busy with though no client's question is open; nothing is no row. psql leaves out the question about
 * pg_cron where it is not installed.
 */
export function busyQuery(keepAwake: readonly KeepAwake[]): string {
  const work = `SELECT backend_type FROM pg_stat_activity WHERE pid <> pg_backend_pid()
  AND backend_type NOT IN (${PERMANENT.map((type) => `'${type}'`).join(', ')})
  AND NOT (backend_type = 'client backend' AND state = 'idle') LIMIT 1;`;
  if (!keepAwake.includes('cron')) return work;
  return `${work}
SELECT to_regclass('cron.job') IS NOT NULL AS cron \\gset
\\if :cron
SELECT 'a job of pg_cron' FROM cron.job WHERE active LIMIT 1;
\\endif`;
}

/** One row of JSON. Of the database that it is run in, but for the size. */
export function statisticsQuery(queries: number): string {
  const dearest = `(SELECT coalesce(json_agg(one), '[]') FROM (
    SELECT left(query, ${QUERY_LENGTH}) AS query, calls, total_exec_time AS "totalMs", mean_exec_time AS "meanMs", rows
    FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND userid NOT IN (10, (SELECT oid FROM pg_roles WHERE rolname = current_user))
    ORDER BY total_exec_time DESC LIMIT ${Math.trunc(queries)}) AS one)`;
  return `SELECT json_build_object(
  'sizeBytes', (SELECT sum(pg_database_size(oid)) FROM pg_database),
  'cacheHitRatio', (SELECT sum(blks_hit) / nullif(sum(blks_hit + blks_read), 0) FROM pg_stat_database),
  'transactions', (SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database),
  'backends', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
  'queries', ${queries > 0 ? dearest : 'null'});`;
}

type Told = Pick<DatabaseStatistics, 'sizeBytes' | 'cacheHitRatio' | 'transactions' | 'backends'> & {
  queries: QueryStatistics[] | null;
};

export function readStatistics(row: string): Told {
  const { sizeBytes, cacheHitRatio, transactions, backends, queries } = JSON.parse(row) as Told;
  return { sizeBytes, cacheHitRatio, transactions, backends, queries };
}
