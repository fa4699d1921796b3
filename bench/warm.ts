import { functionRun } from '../builders/function/runner.ts';
import { ThawError } from '../platform/errors.ts';
import { expectAnswer } from './expect.ts';
import { spread } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { createRepository, hello } from './repository.ts';
import { get, keptConnection } from './request.ts';
import { startServer } from './server.ts';

const APP = 'hello';
const TEXT = 'hello';
/** Answers until the emulator has translated what a request runs through. */
const WARM_UP = 100;

/** Requests to a running instance, through the edge and straight to its address, in turn, on kept connections. */
export async function warm({ rounds = 400, progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer();
  await using repository = await createRepository();
  await repository.commit(hello(TEXT));
  await repository.push(server.remote(APP));
  const [throughEdge, straight] = [keptConnection(), keptConnection()];
  try {
    expectAnswer(await get({ ...server.at(APP), agent: throughEdge }), TEXT);
    const [instance] = await server.thaw.instances.list({ app: APP });
    if (instance?.address === undefined) throw new ThawError('internal', 'The API told no address of the instance.');
    const { port } = functionRun('', '');
    const edge: number[] = [];
    const direct: number[] = [];
    for (let round = -WARM_UP; round < rounds; round += 1) {
      const one = await get({ ...server.at(APP), agent: throughEdge });
      expectAnswer(one, TEXT, 'warm');
      const other = await get({ host: instance.address, port, agent: straight });
      expectAnswer(other, TEXT);
      if (round >= 0) {
        edge.push(one.ms);
        direct.push(other.ms);
      }
    }
    const [e, d] = [spread(edge), spread(direct)];
    progress(`warm: edge ${e.p50.toFixed(2)} ms, direct ${d.p50.toFixed(2)} ms`);
    return {
      figures: [
        { part: 'warm', name: `through the edge, p50 of ${e.n}`, value: e.p50, unit: 'ms' },
        { part: 'warm', name: "at the instance's address, p50", value: d.p50, unit: 'ms' },
        { part: 'warm', name: 'what the edge adds, p50', value: e.p50 - d.p50, unit: 'ms', atMost: 1.5 },
      ],
      samples: { edge, direct },
    };
  } finally {
    throughEdge.destroy();
    straight.destroy();
  }
}
