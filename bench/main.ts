import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { toThawError } from '../platform/errors.ts';
import { qemuVersion } from '../platform/host/vmm/qemu/driver.ts';
import { apps } from './apps.ts';
import { branches } from './branches.ts';
import { cold } from './cold.ts';
import { crowd } from './crowd.ts';
import { type Figure, isMet } from './figures.ts';
import { forks } from './forks.ts';
import { ledger } from './ledger.ts';
import type { Part } from './part.ts';
import { pauses } from './pauses.ts';
import { postgres } from './postgres.ts';
import { proxied } from './proxied.ts';
import { push } from './push.ts';
import { rounds } from './rounds.ts';
import { sandboxes } from './sandboxes.ts';
import { sleeping } from './sleeping.ts';
import { table } from './table.ts';
import { transfers } from './transfers.ts';
import { warm } from './warm.ts';

const PARTS: Record<string, Part> = {
  ...{ cold, warm, crowd, push, apps, proxied, sleeping },
  ...{ sandboxes, forks, pauses, transfers, postgres, branches, ledger, rounds },
};
const USAGE = `npm run bench -- [${Object.keys(PARTS).join('|')}]... [--rounds n] [--out file]`;

/**
 * Measures Thaw on this machine: real servers, real pushes, real VMs. Prints a
 * table and writes everything that was measured as JSON. A missed target is
 * told, and is no failure of the program: the exit code is 1 only when a part
 * could not be measured.
 */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string' }, out: { type: 'string', default: 'bench-results.json' } },
  });
  const wanted = positionals.length > 0 ? positionals : Object.keys(PARTS);
  const unknown = wanted.filter((name) => !(name in PARTS));
  if (unknown.length > 0) {
    process.stderr.write(`There is no part ${unknown.join(', ')}. ${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  const figures: Figure[] = [];
  const samples: Record<string, unknown> = {};
  for (const name of wanted) {
    const progress = (text: string) => void process.stderr.write(`${text}\n`);
    try {
      const result = await PARTS[name]?.({
        progress,
        ...(values.rounds === undefined ? {} : { rounds: Number(values.rounds) }),
      });
      if (!result) continue;
      figures.push(...result.figures);
      samples[name] = result.samples;
    } catch (error) {
      const { message, cause, hint } = toThawError(error);
      process.stderr.write(`${name} could not be measured: ${message} ${hint ?? ''}\n`);
      if (cause instanceof Error) process.stderr.write(`${cause.stack}\n`);
      process.exitCode = 1;
    }
  }
  const machine = {
    processors: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    qemu: (await qemuVersion()).join('.'),
    node: process.version,
  };
  const told = figures.map((figure) => ({ ...figure, met: isMet(figure) }));
  await writeFile(values.out, `${JSON.stringify({ at: new Date(), machine, figures: told, samples }, null, 1)}\n`);
  process.stdout.write(`${machine.processors}, ${machine.memoryMiB} MiB, QEMU ${machine.qemu}\n${table(figures)}\n`);
}

await main();
