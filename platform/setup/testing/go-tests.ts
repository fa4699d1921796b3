import { join } from 'node:path';
import { GO_ENVIRONMENT } from '../go.ts';
import { program } from '../program.ts';
import { roomOf } from './rooms.ts';
import type { Outcome } from './tally.ts';

/** A line of `go test -json`, https://pkg.go.dev/cmd/test2json */
interface Event {
  Action: string;
  /** Absent when the event is about the package. */
  Test?: string;
  Output?: string;
}

/**
 * Runs the tests of one Go module. Subtests count with the test that they are part of.
 *
 * @param module its directory, relative to `root`
 */
export async function runGoTests(root: string, module: string, signal: AbortSignal): Promise<Outcome> {
  const started = performance.now();
  const { code, said } = await program(['go', 'test', '-json', './...'], {
    cwd: join(root, module),
    env: GO_ENVIRONMENT,
    signal,
  });
  const lines = said.split('\n').filter((line) => line !== '');
  const events = lines.flatMap(parse);
  const ended = (action: string) => events.filter((event) => event.Action === action && isTest(event.Test)).length;
  // A package that does not compile fails without a test that does.
  const failed = Math.max(ended('fail'), code === 0 ? 0 : 1);
  const plain = lines.filter((line) => parse(line).length === 0).join('\n');
  return {
    name: module,
    room: roomOf(module),
    passed: ended('pass'),
    failed,
    skipped: ended('skip'),
    ms: performance.now() - started,
    said: failed === 0 ? '' : `${plain}\n${outputOfFailed(events)}`.trim(),
  };
}

function outputOfFailed(events: Event[]): string {
  const passed = new Set(events.filter(({ Action }) => Action === 'pass' || Action === 'skip').map(({ Test }) => Test));
  return events.flatMap(({ Test, Output }) => (Output === undefined || passed.has(Test) ? [] : [Output])).join('');
}

function isTest(name: string | undefined): boolean {
  return name !== undefined && !name.includes('/');
}

function parse(line: string): Event[] {
  return line.startsWith('{"') ? [JSON.parse(line) as Event] : [];
}
