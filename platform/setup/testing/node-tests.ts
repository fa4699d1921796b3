import { join } from 'node:path';
import { run } from 'node:test';
import { inspect } from 'node:util';
import { indent } from '../say.ts';
import { roomOf } from './rooms.ts';
import type { Outcome } from './tally.ts';

/** Longest a file may take: one that hangs is ended and counts as failed. */
const FILE_LIMIT_MS = 6 * 60_000;

/**
 * Runs one file of node:test in a process of its own.
 *
 * @param file relative to `root`
 */
export async function runTestFile(root: string, file: string, signal: AbortSignal): Promise<Outcome> {
  const outcome: Outcome = { name: file, room: roomOf(file), passed: 0, failed: 0, skipped: 0, ms: 0, said: '' };
  const failures: string[] = [];
  const names: string[] = [];
  let output = '';
  const events = run({
    files: [join(root, file)],
    cwd: root,
    isolation: 'process',
    signal: AbortSignal.any([signal, AbortSignal.timeout(FILE_LIMIT_MS)]),
  });
  for await (const { type, data } of events) {
    switch (type) {
      case 'test:start':
        names.splice(data.nesting, Number.POSITIVE_INFINITY, data.name);
        break;
      case 'test:fail': {
        const { error } = data.details;
        // What failed inside of it has been told already.
        if ('failureType' in error && error.failureType === 'subtestsFailed') break;
        const name = names.slice(0, data.nesting).concat(data.name).join(' > ');
        failures.push(`${name}\n${indent(inspect(error.cause ?? error))}`);
        break;
      }
      case 'test:stdout':
      case 'test:stderr':
        output += data.message;
        break;
      case 'test:summary':
        // The last summary is of the whole run: with the process's own failure, if it crashed.
        outcome.passed = data.counts.passed;
        outcome.failed = data.counts.failed + data.counts.cancelled;
        outcome.skipped = data.counts.skipped + data.counts.todo;
        outcome.ms = data.duration_ms;
    }
  }
  const wrote = output === '' ? [] : [`The file wrote:\n${indent(output.trimEnd())}`];
  outcome.said = [...failures, ...wrote].join('\n');
  return outcome;
}
