import type { Report } from './contract.ts';

/** Shorter values are words that occur anyway (`1`, `yes`, `dev`). */
const LEAST = 6;
const SHOWN = '******';

/** Replaces secrets, such as the values of an environment, in what people read. */
export function masker(secrets: readonly string[]): (text: string) => string {
  // The longest first: a value may be part of another one.
  const values = secrets
    .flatMap((value) => [value, ...value.split('\n')])
    .filter((value) => value.length >= LEAST)
    .sort((a, b) => b.length - a.length);
  return (text) => values.reduce((rest, value) => rest.replaceAll(value, SHOWN), text);
}

/** A report that shows no value of the environment. */
export function masked(report: Report, mask: (text: string) => string): Report {
  return (line) => report(mask(line));
}
