import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expectAnswer } from './expect.ts';
import { type Figure, spread } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { createRepository, hello, webApp } from './repository.ts';
import { get } from './request.ts';
import { type BenchServer, startServer } from './server.ts';

const THAW = fileURLToPath(new URL('../platform/cli/thaw.sh', import.meta.url));
const EVERY_MS = 20;
const ROLLBACKS = 10;

/** What a developer waits for: a second push, a rollback; and what a client sees of either. */
export async function apps({ progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer();
  const figures: Figure[] = [];
  const told = (figure: Omit<Figure, 'part'>) => {
    figures.push({ part: 'apps', ...figure });
    progress(`apps: ${figure.name} ${figure.value.toFixed(2)} ${figure.unit}`);
  };

  await using web = await createRepository();
  await web.write(webApp('one'));
  const first = await web.push(server.remote('web'));
  expectAnswer(await get(server.at('web')), 'one');
  const again: number[] = [];
  for (const text of ['two', 'three', 'four']) {
    await web.write(webApp(text));
    again.push(await web.push(server.remote('web')));
    expectAnswer(await get(server.at('web')), text);
  }
  told({ name: 'first push with dependencies', value: first, unit: 'ms' });
  told({ name: 'push with an unchanged lockfile, p50 of 3', value: spread(again).p50, unit: 'ms' });
  told({ name: '  compared with the first', value: spread(again).p50 / first, unit: 'x', atMost: 0.35 });

  const rollbacks: { api: number[]; cli: number[] } = { api: [], cli: [] };
  for (let round = 0; round < ROLLBACKS; round += 1) {
    const want = round % 2 === 0 ? 'three' : 'four';
    const number = (await server.thaw.releases.list('web')).find(
      ({ number: n }) => n === (round % 2 === 0 ? 3 : 4),
    )?.number;
    const how = round < ROLLBACKS / 2 ? 'api' : 'cli';
    const began = performance.now();
    if (how === 'api') await server.thaw.releases.rollback('web', number);
    else await promisify(execFile)(THAW, ['rollback', 'web', String(number)], { env: cliEnvironment(server) });
    expectAnswer(await get(server.at('web')), want);
    rollbacks[how].push(performance.now() - began);
    await server.asleep();
  }
  told({
    name: 'rollback by the API, to the first answer from zero, p50',
    value: spread(rollbacks.api).p50,
    unit: 'ms',
    atMost: 500,
  });
  told({ name: 'rollback by the command line, likewise', value: spread(rollbacks.cli).p50, unit: 'ms', atMost: 500 });

  await using repository = await createRepository();
  await repository.commit(hello('version 1'));
  await repository.push(server.remote('steady'));
  const load = new SteadyLoad(server);
  load.start();
  await sleep(2000);
  await repository.commit(hello('version 2'));
  await repository.push(server.remote('steady'));
  await sleep(2000);
  await server.thaw.releases.rollback('steady');
  await sleep(2000);
  await load.stop();
  await server.asleep();
  load.start();
  await sleep(3000);
  const { asked, failed, times } = await load.stop();
  told({
    name: `50 a second through deploy, rollback and sleep: failed of ${asked}`,
    value: failed,
    unit: '',
    atMost: 0,
  });
  told({ name: '  p99', value: spread(times).p99, unit: 'ms' });
  return { figures, samples: { first, again, rollbacks, steady: times } };
}

function cliEnvironment({ url, key }: BenchServer): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, THAW_URL: url, THAW_API_KEY: key };
}

/** Fifty requests a second, each on a connection of its own, whatever becomes of those before. */
class SteadyLoad {
  readonly #server: BenchServer;
  readonly #open = new Set<Promise<void>>();
  readonly #times: number[] = [];
  #asked = 0;
  #failed = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(server: BenchServer) {
    this.#server = server;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#asked += 1;
      const asking = this.#ask().finally(() => this.#open.delete(asking));
      this.#open.add(asking);
    }, EVERY_MS);
  }

  async stop(): Promise<{ asked: number; failed: number; times: number[] }> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    return { asked: this.#asked, failed: this.#failed, times: this.#times };
  }

  async #ask(): Promise<void> {
    try {
      const { status, ms } = await get(this.#server.at('steady'));
      if (status !== 200) this.#failed += 1;
      this.#times.push(ms);
    } catch {
      this.#failed += 1;
    }
  }
}
