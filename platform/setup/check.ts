import { checks } from './checks.ts';
import { Report } from './report.ts';

/** `npm run check`: all checks at once, one line for each, and what those that fail have to say. */
const report = new Report(process.stdout);
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

const started = performance.now();
const root = new URL('../../', import.meta.url);
const outcomes = await Promise.all(
  checks(root, stop.signal).map(async ({ name, run }) => {
    const begun = performance.now();
    const outcome = await run();
    report.check(name, outcome, performance.now() - begun);
    return outcome;
  }),
);
const failed = outcomes.filter(({ ok }) => !ok).length;
report.line(
  `${failed === 0 ? 'All checks passed' : `${failed} of ${outcomes.length} checks failed`} in ${seconds(performance.now() - started)}`,
);
process.exitCode = failed === 0 ? 0 : 1;
