import { readFile } from 'node:fs/promises';
import postgresJs from 'postgres';
import { type Figure, spread } from './figures.ts';
import { firstRow } from './first-row.ts';
import type { PartOptions, PartResult } from './part.ts';
import { openReflinks } from './reflinks.ts';
import { SERVER_LOG, startServer } from './server.ts';

/** Of tables; each row fills a page. */
const SIZES_MIB = [16, 1024];
const PAGES_PER_MIB = 128;

/**
 * Branches of a database with a small and with a large table, on the machine's file system and on one with reflinks: from the call
 * to the first row of the branch, and how long the original stood still.
 */
export async function branches({ rounds = 5, progress }: PartOptions): Promise<PartResult> {
  const figures: Figure[] = [];
  const samples: Record<string, { first: number[]; stopped: number[] }> = {};
  await using reflinks = await openReflinks();
  for (const [place, data] of [
    ['as it is', undefined],
    ['reflinks', reflinks.path],
  ] as const) {
    await using server = await startServer(data);
    const { databases } = server.thaw;
    const main = await databases.create({ name: 'main', idleSeconds: 0 });
    for (const sizeMiB of SIZES_MIB) {
      await load(main.directUrl, sizeMiB);
      const found = { first: [] as number[], stopped: [] as number[] };
      for (let round = 0; round < rounds; round += 1) {
        const began = performance.now();
        const made = await databases.branch('main', `branch-${round}`);
        await firstRow(made.directUrl);
        found.first.push(performance.now() - began);
        await databases.remove(made.name);
      }
      found.stopped = (await stops()).slice(-rounds);
      const [first, stopped] = [spread(found.first), spread(found.stopped)];
      const name = `branch with a table of ${sizeMiB} MiB, ${place}`;
      const bound = data !== undefined;
      const limit = (atMost: number) => (bound ? { atMost } : {});
      figures.push(
        { part: 'branches', name: `${name}, to the first row, p50`, value: first.p50, unit: 'ms', ...limit(1000) },
        { part: 'branches', name: '  the original stood still, p50', value: stopped.p50, unit: 'ms', ...limit(80) },
      );
      samples[name] = found;
      progress(`branches: ${name} ${first.p50.toFixed(0)} ms, stood still ${stopped.p50.toFixed(0)} ms`);
    }
    await databases.remove('main');
  }
  const of = (sizeMiB: number) => spread(samples[`branch with a table of ${sizeMiB} MiB, reflinks`]?.first ?? []).p50;
  figures.push({ part: 'branches', name: '1024 MiB against 16, reflinks', value: of(1024) / of(16), unit: 'x' });
  return { figures, samples };
}

async function load(url: string, sizeMiB: number): Promise<void> {
  const sql = postgresJs(url, { max: 1, onnotice: () => {} });
  try {
    await sql`drop table if exists pages`;
    await sql`create table pages (n int, text text storage plain)`;
    const text = 'x'.repeat(7900);
    await sql`insert into pages select n, ${text} from generate_series(1, ${sizeMiB * PAGES_PER_MIB}::int) as n`;
    // Else autovacuum reads all of it just then, in the original and in the branch.
    await sql`vacuum analyze pages`;
    await sql`checkpoint`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** How long the original of each branch stood still, as the server noted it. */
async function stops(): Promise<number[]> {
  const lines = (await readFile(SERVER_LOG, 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as { msg: string; stoodStillMs: number })
    .filter(({ msg }) => msg === 'database branched')
    .map(({ stoodStillMs }) => stoodStillMs);
}
