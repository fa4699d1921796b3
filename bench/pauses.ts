import { ThawError } from '../platform/errors.ts';
import { type Figure, spread } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { startServer } from './server.ts';

/** Writes how often it went round, and holds a value in memory that no file has. */
const PROCESS =
  'held=$(head -c 24 /dev/urandom | base64); echo $held >/app/held; i=0; while :; do i=$((i + 1)); echo $i $held >/app/now; sleep 0.05; done';

/** Pauses a sandbox again and again: its process goes on where it was, with its memory, and its files are the same. */
export async function pauses({ rounds = 100, progress }: PartOptions): Promise<PartResult> {
  await using server = await startServer();
  await using sandbox = await server.thaw.sandboxes.create({ template: 'base', ttlSeconds: 3600 });
  await sandbox.exec('head -c 32M /dev/urandom >/app/file; sha256sum /app/file >/app/sum');
  await sandbox.exec([
    'bash',
    '-c',
    `setsid bash -c '${PROCESS}' >/dev/null 2>&1 </dev/null & until test -s /app/now; do sleep 0.1; done`,
  ]);
  const times = { pause: [] as number[], resume: [] as number[] };
  let lost = 0;
  let last = 0;
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await sandbox.pause();
    const paused = performance.now();
    const { exitCode } = await sandbox.exec(['true']);
    times.pause.push(paused - began);
    times.resume.push(performance.now() - paused);
    const { stdout } = await sandbox.exec('sleep 0.2; sha256sum --status -c /app/sum && cat /app/held && cat /app/now');
    const [held, now = ''] = stdout.trim().split('\n');
    const [count, value] = now.split(' ');
    if (exitCode !== 0 || value !== held || !(Number(count) > last)) lost += 1;
    last = Number(count);
  }
  if (last === 0) throw new ThawError('internal', 'The process in the sandbox never ran.');
  const figures: Figure[] = [
    { part: 'pauses', name: `rounds of ${rounds} in which something was lost`, value: lost, unit: '', atMost: 0 },
  ];
  for (const [name, values] of Object.entries(times)) {
    const { p50, p99 } = spread(values);
    figures.push({ part: 'pauses', name: `${name}, p50`, value: p50, unit: 'ms', atMost: name === 'pause' ? 60 : 250 });
    figures.push({ part: 'pauses', name: '  p99', value: p99, unit: 'ms' });
    progress(`pauses: ${name} p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`);
  }
  return { figures, samples: times };
}
