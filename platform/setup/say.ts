import { styleText } from 'node:util';

/** One line on standard output. */
export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Bold on a terminal, plain elsewhere. */
export function bold(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
}

/** Every line of a text, moved to the right. */
export function indent(text: string, by = 2): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(by));
}

/** A time for people: `0.4 ms`, `210 ms`, `5.2 s`. */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms >= 100 ? Math.round(ms) : ms.toFixed(1)} ms`;
}
