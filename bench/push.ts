import { expectAnswer } from './expect.ts';
import { spread } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { createRepository, hello } from './repository.ts';
import { get } from './request.ts';
import { startServer } from './server.ts';

const APP = 'hello';

/** From `git push` of a function without dependencies until it is live. */
export async function push({ rounds = 5, progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer();
  await using repository = await createRepository();
  const times: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const text = `version ${round}`;
    await repository.commit(hello(text));
    times.push(await repository.push(server.remote(APP)));
    expectAnswer(await get(server.at(APP)), text);
    await server.asleep();
    progress(`push ${round}/${rounds}: ${times.at(-1)?.toFixed(0)} ms`);
  }
  const [first = 0, ...rest] = times;
  const all = spread(rest);
  const part = 'push';
  return {
    figures: [
      { part, name: 'the first one on a new data directory', value: first, unit: 'ms' },
      { part, name: `git push to live, p50 of ${all.n}`, value: all.p50, unit: 'ms', atMost: 6000 },
      { part, name: '  least', value: all.min, unit: 'ms' },
      { part, name: '  most', value: all.max, unit: 'ms' },
    ],
    samples: times,
  };
}
