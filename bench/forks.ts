import { rm } from 'node:fs/promises';
import type { Host, Vm } from '../platform/host/contract.ts';
import { openTestHost, shell } from '../test/fixtures/host.ts';
import { type Figure, spread } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { openReflinks } from './reflinks.ts';

const SIZES = [256, 512, 2048];
const DIRTY_MIB = 64;

/**
 * Forks of VMs of several sizes, each with a running process and some memory of its own, on the machine's file system and on
 * one with reflinks: from the call to the result of the copy's first command, and how long the original stood still.
 */
export async function forks({ rounds = 10, progress }: PartOptions): Promise<PartResult> {
  const figures: Figure[] = [];
  const samples: Record<string, { first: number[]; stopped: number[] }> = {};
  await using reflinks = await openReflinks();
  for (const [place, data] of [
    ['as it is', undefined],
    ['reflinks', reflinks.path],
  ] as const) {
    await using at = await openTestHost(data === undefined ? {} : { data: `${data}/${place}` });
    for (const memoryMiB of SIZES) {
      const { id } = await at.host.runtimeTemplate('base', { memoryMiB, vcpus: 1 });
      const original = await at.host.thaw({ template: id, labels: {}, egress: { mode: 'none' }, memory: 'own' });
      const held = `head -c ${DIRTY_MIB}M /dev/urandom >/dev/shm/held; sleep 1000 >/dev/null 2>&1 &`;
      await shell(at.host, original.id, held);
      const found = { first: [] as number[], stopped: [] as number[] };
      for (let round = 0; round < rounds; round += 1) await once(at.host, original, found);
      await at.host.end(original.id);
      const [first, stopped] = [spread(found.first), spread(found.stopped)];
      const name = `fork of ${memoryMiB} MiB, ${place}`;
      const bound = memoryMiB === 512 && data !== undefined;
      figures.push(
        {
          part: 'forks',
          name: `${name}, to the first result, p50`,
          value: first.p50,
          unit: 'ms',
          ...(bound ? { atMost: 300 } : {}),
        },
        {
          part: 'forks',
          name: '  the original stood still, p50',
          value: stopped.p50,
          unit: 'ms',
          ...(bound ? { atMost: 40 } : {}),
        },
      );
      samples[name] = found;
      progress(`forks: ${name} ${first.p50.toFixed(0)} ms, stood still ${stopped.p50.toFixed(0)} ms`);
    }
    if (data !== undefined) await rm(`${data}/${place}`, { recursive: true, force: true });
  }
  const of = (memoryMiB: number) => spread(samples[`fork of ${memoryMiB} MiB, reflinks`]?.first ?? []).p50;
  figures.push({
    part: 'forks',
    name: '2048 MiB against 256, reflinks',
    value: of(2048) / of(256),
    unit: 'x',
    atMost: 1.5,
  });
  return { figures, samples };
}

async function once(host: Host, original: Vm, found: { first: number[]; stopped: number[] }): Promise<void> {
  const began = performance.now();
  const copy = await host.fork(original.id, {});
  await shell(host, copy.id, 'true');
  found.first.push(performance.now() - began);
  found.stopped.push(copy.phases.copy ?? Number.NaN);
  await host.end(copy.id);
}
