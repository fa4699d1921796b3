import { setTimeout as sleep } from 'node:timers/promises';
import { openBare } from './bare.ts';
import { expectAnswer } from './expect.ts';
import { type Figure, median, medianPhases, spread } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { createRepository, hello } from './repository.ts';
import { get, serverTiming } from './request.ts';
import { startServer } from './server.ts';

const APP = 'hello';
const TEXT = 'hello';

/** Cold starts through the edge and bare restores of the same template, in turn. */
export async function cold({ rounds = 40, progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer();
  await using repository = await createRepository();
  await repository.commit(hello(TEXT));
  await repository.push(server.remote(APP));
  const [deployment] = await server.thaw.deployments.list(APP);
  await using bare = await openBare(server, deployment?.id ?? '');

  const edge: { ms: number; timing: Record<string, number>; phases: Record<string, number> }[] = [];
  const bares: { ms: number; vmm: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await server.asleep();
    const answer = await get(server.at(APP));
    expectAnswer(answer, TEXT, 'cold');
    const [instance] = await server.thaw.instances.list({ app: APP });
    edge.push({ ms: answer.ms, timing: serverTiming(answer), phases: instance?.phases ?? {} });
    await server.asleep();
    bares.push(await bare.restore());
    await sleep(100);
    progress(`cold ${round + 1}/${rounds}: edge ${answer.ms.toFixed(0)} ms, bare ${bares.at(-1)?.ms.toFixed(0)} ms`);
  }
  const through = spread(edge.map(({ ms }) => ms));
  const alone = spread(bares.map(({ ms }) => ms));
  const part = 'cold';
  const told = (name: string, value: number): Figure => ({ part, name, value, unit: 'ms' });
  return {
    figures: [
      { ...told(`through the edge, p50 of ${through.n}`, through.p50), atMost: 220 },
      { ...told('through the edge, p99', through.p99), atMost: 450 },
      told('through the edge, least', through.min),
      told('through the edge, most', through.max),
      ...Object.entries(medianPhases(edge.map(({ timing }) => timing))).map(([name, ms]) =>
        told(`  server-timing ${name}, p50`, ms),
      ),
      ...Object.entries(medianPhases(edge.map(({ phases }) => phases))).map(([name, ms]) =>
        told(`  phase ${name}, p50`, ms),
      ),
      told('bare restore, p50', alone.p50),
      told('bare restore, p99', alone.p99),
      told('  until the VM runs, p50', median(bares.map(({ vmm }) => vmm))),
      { part, name: 'edge to bare, ratio of medians', value: through.p50 / alone.p50, unit: 'x', atMost: 1.2 },
    ],
    samples: { edge, bare: bares },
  };
}
