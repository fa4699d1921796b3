import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { type DbFlags, positive, withProject } from '../db-flags.ts';
import { table } from '../table.ts';

const MIB = 1024 * 1024;

/** `thaw db stats`. */
export function addDbStats(db: Command, context: Context): void {
  const { out } = context;
  withProject(
    db
      .command('stats')
      .argument('<name>')
      .description('show connections, size and cache hits, and the dearest queries')
      .option('--queries <count>', 'how many queries, default 10', positive),
  ).action(async (name: string, { queries = 10, project }: DbFlags & { queries?: number }) => {
    const { thaw } = await context.connection();
    const told = await thaw.databases.statistics(name, { project, queries });
    out.result(told, () => {
      const { state, connections, sizeBytes, cacheHitRatio, transactions, backends } = told;
      const shown = [
        `state         ${state}`,
        `clients       ${connections.direct} direct, ${connections.pooled} pooled`,
        ...(backends === null ? [] : [`backends      ${backends}`]),
        ...(sizeBytes === null ? [] : [`size          ${(sizeBytes / MIB).toFixed(1)} MiB`]),
        ...(cacheHitRatio === null ? [] : [`cache hits    ${(cacheHitRatio * 100).toFixed(1)} %`]),
        ...(transactions === null ? [] : [`transactions  ${transactions}`]),
      ];
      const rows = (told.queries ?? []).map(({ query, calls, totalMs, meanMs }) => [
        totalMs.toFixed(1),
        String(calls),
        meanMs.toFixed(2),
        out.foreign(query.replace(/\s+/g, ' ').slice(0, 100)),
      ]);
      if (rows.length > 0) shown.push('', table(['TOTAL MS', 'CALLS', 'MEAN MS', 'QUERY'], rows));
      return shown.join('\n');
    });
  });
}
