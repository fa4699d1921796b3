import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { duration, indent, say } from './say.ts';
import { runGoTests } from './testing/go-tests.ts';
import { runTestFile } from './testing/node-tests.ts';
import { planTests } from './testing/rooms.ts';
import { type Outcome, tally } from './testing/tally.ts';

/** `npm test [-- room...]`: all tests, or those of some rooms. Its last line is `N passed, M failed`. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());

const outcomes: Outcome[] = [];
const take = (outcome: Outcome) => {
  outcomes.push(outcome);
  const { name, passed, failed, skipped, ms, said } = outcome;
  const counts = `${passed} passed${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  say(`${failed > 0 ? 'FAILED' : 'ok    '}  ${name}: ${counts} (${duration(ms)})`);
  if (failed > 0) say(indent(said, 8));
};

const plan = await planTests(root, process.argv.slice(2));
/** Runs files, so many side by side. */
const runAll = async (files: readonly string[], atOnce: number) => {
  const left = [...files];
  const run = async () => {
    for (let file = left.shift(); file !== undefined && !stop.signal.aborted; file = left.shift()) {
      take(await runTestFile(root, file, stop.signal));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, availableParallelism()) }, run));
};
try {
  for (const module of plan.go) take(await runGoTests(root, module, stop.signal));
  await runAll(plan.light, 4);
  await runAll(plan.heavy, 2);
} catch (error) {
  if (!stop.signal.aborted) throw error;
  say('Interrupted.');
  outcomes.push({ name: 'interrupted', room: 'interrupted', passed: 0, failed: 1, skipped: 0, ms: 0, said: '' });
}

say();
for (const { room, passed, failed, skipped, ms } of tally(outcomes)) {
  const counts = [`${passed} passed`, `${failed} failed`, `${skipped} skipped`].map((text) => text.padStart(12));
  say(`${room.padEnd(16)}${counts.join('')}${duration(ms).padStart(12)}`);
}
const sum = (key: 'passed' | 'failed') => outcomes.reduce((total, outcome) => total + outcome[key], 0);
say(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') > 0 || sum('passed') === 0 ? 1 : 0;
