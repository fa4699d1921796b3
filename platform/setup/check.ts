import { fileURLToPath } from 'node:url';
import { checks } from './checks/checks.ts';
import { duration, indent, say } from './say.ts';

/** `npm run check`: all checks at once, a line for each, and what those that fail have to say. */
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort());

const started = performance.now();
const outcomes = await Promise.all(
  checks(fileURLToPath(new URL('../..', import.meta.url))).map(async ({ name, run }) => {
    const { state, said } = await run(stop.signal);
    say(`${state.padEnd(7)}  ${name} (${duration(performance.now() - started)})`);
    if (state !== 'ok') say(indent(said.trimEnd()));
    return state;
  }),
);
const failed = outcomes.filter((state) => state === 'failed').length;
say(failed === 0 ? 'All checks passed.' : `${failed} of ${outcomes.length} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;
