import { ThawError } from '../platform/errors.ts';
import type { Sandbox } from '../platform/sdk/index.ts';
import { type Figure, spread } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { type BenchServer, startServer } from './server.ts';

const AT_ONCE = 20;
const TTL_S = 300;
const PAUSES = 20;

/** Sandboxes as their users meet them: through the API, by the SDK. */
export async function sandboxes({ rounds = 100, progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer();
  const part = 'sandboxes';
  const samples: Record<string, number[]> = {};
  const figures: Figure[] = [];
  const tell = (name: string, values: number[], targets: { p50?: number; p99?: number } = {}) => {
    const { n, p50, p99 } = spread(values);
    const bound = (atMost: number | undefined) => (atMost === undefined ? {} : { atMost });
    figures.push({ part, name: `${name}, p50 of ${n}`, value: p50, unit: 'ms', ...bound(targets.p50) });
    figures.push({ part, name: '  p99', value: p99, unit: 'ms', ...bound(targets.p99) });
    samples[name] = values;
    progress(`sandboxes: ${name} p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`);
  };

  // The first of each waits for its template, which is made once on a machine.
  for (const template of ['base', 'node']) await (await create(server, template)).kill();
  tell('create to the result of `true`', await repeat(rounds, () => firstResult(server, 'base', ['true'])), {
    p50: 250,
    p99: 500,
  });
  tell('create to the result of `node -v`', await repeat(rounds, () => firstResult(server, 'node', ['node', '-v'])));
  const together = await Promise.all(Array.from({ length: AT_ONCE }, () => firstResult(server, 'base', ['true'])));
  tell(`${AT_ONCE} at once, to the result of \`true\``, together);

  await using original = await create(server, 'base');
  await original.exec('head -c 64M /dev/urandom >/tmp/held; sleep 1000 >/dev/null 2>&1 &');
  const forks = await repeat(10, async () => {
    const began = performance.now();
    const [copy] = await original.fork();
    await using child = copy as Sandbox;
    await must(child, ['true']);
    return performance.now() - began;
  });
  tell('fork of 512 MiB to the first result of the copy', forks, { p50: 300 });
  const pauses: number[] = [];
  const resumes: number[] = [];
  for (let round = 0; round < PAUSES; round += 1) {
    const began = performance.now();
    await original.pause();
    const paused = performance.now();
    await must(original, ['true']);
    pauses.push(paused - began);
    resumes.push(performance.now() - paused);
  }
  tell('pause', pauses, { p50: 60 });
  tell('resume to the first result', resumes, { p50: 250 });
  return { figures, samples };
}

function create({ thaw }: BenchServer, template: string): Promise<Sandbox> {
  return thaw.sandboxes.create({ template, ttlSeconds: TTL_S });
}

/** @returns milliseconds from the request for a sandbox to the result of its first command */
async function firstResult(server: BenchServer, template: string, command: string[]): Promise<number> {
  const began = performance.now();
  await using sandbox = await create(server, template);
  await must(sandbox, command);
  return performance.now() - began;
}

async function must(sandbox: Sandbox, command: string[]): Promise<void> {
  const { exitCode, stderr } = await sandbox.exec(command);
  if (exitCode !== 0) throw new ThawError('internal', `${command.join(' ')} ended with ${exitCode}: ${stderr}`);
}

async function repeat(rounds: number, measure: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round += 1) values.push(await measure());
  return values;
}
