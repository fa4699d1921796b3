import { mkdtemp, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, readConfig } from '../platform/config.ts';
import type { Host } from '../platform/host/contract.ts';
import { openHost } from '../platform/host/open.ts';
import { silentLog } from '../platform/log.ts';
import { openVmm, readMachine } from '../platform/machine.ts';
import { counted, type Holdings, holdings } from '../test/fixtures/leftovers.ts';
import { type Figure, median } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';

const SHAPE = { memoryMiB: 256, vcpus: 1 };
const MIB = 1024 * 1024;
/** Rounds before the first look: until then pools and the heap fill. */
const WARM_UP = 10;
/** Memory of a process with a garbage collector swings by this much without growing. */
const FLAT_MIB = 32;

/** Thaws a VM, freezes it, thaws a clone of that and ends it, again and again: nothing may be left of it. */
export async function rounds({ rounds: count = 200, progress }: PartOptions): Promise<PartResult> {
  const data = await mkdtemp('/tmp/thaw-bench-');
  try {
    const config = readConfig({ ...process.env, THAW_DATA: data });
    await using host = await open(config);
    const { id: base } = await host.runtimeTemplate('node', SHAPE);
    for (let round = 0; round < WARM_UP; round += 1) await freezeAndThaw(host, base);
    const before = await settled(config);
    const resident: number[] = [];
    const began = performance.now();
    for (let round = 0; round < count; round += 1) {
      await freezeAndThaw(host, base);
      resident.push(process.memoryUsage.rss() / MIB);
      if ((round + 1) % 10 === 0) progress(`rounds ${round + 1}/${count}: ${resident.at(-1)?.toFixed(0)} MiB resident`);
    }
    const each = (performance.now() - began) / count;
    const after = await settled(config);
    const quarter = Math.max(1, Math.floor(count / 4));
    const growth = median(resident.slice(-quarter)) - median(resident.slice(0, quarter));
    return {
      figures: [
        ...leaks(before, after),
        {
          part: 'rounds',
          name: `resident memory, growth over ${count} rounds`,
          value: growth,
          unit: 'MiB',
          atMost: FLAT_MIB,
        },
        { part: 'rounds', name: 'one round', value: each, unit: 'ms' },
      ],
      samples: { before, after, resident },
    };
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

async function open(config: Config): Promise<Host> {
  const log = silentLog();
  const machine = await readMachine(config.images);
  const { vmm, verdict } = await openVmm(config, machine, log);
  const { data, images: cache, serverId, slotsAhead } = config;
  return openHost({
    ...{ vmm, imageSet: machine.imageSet, intercept: machine.intercept, data, cache, serverId, slotsAhead, log },
    acceleratorReason: verdict.reason,
  });
}

async function freezeAndThaw(host: Host, base: string): Promise<void> {
  const egress = { mode: 'public' as const };
  const vm = await host.thaw({ template: base, labels: {}, egress, memory: 'own' });
  const frozen = await host.freeze(vm.id, { labels: {} });
  const clone = await host.thaw({ template: frozen.id, labels: {}, egress, memory: 'clone' });
  await host.end(clone.id);
  await host.removeTemplate(frozen.id);
}

/** What is held when nothing runs; the slots that are kept ready included. */
async function settled(config: Config): Promise<Holdings> {
  await sleep(2_000);
  return holdings(config);
}

function leaks(before: Holdings, after: Holdings): Figure[] {
  const [first, last] = [counted(before), counted(after)];
  return (Object.keys(first) as (keyof Holdings)[]).map((kind) => ({
    part: 'rounds',
    name: `${kind}, ${last[kind]} after ${first[kind]}: more`,
    value: last[kind] - first[kind],
    unit: '',
    atMost: 0,
  }));
}
