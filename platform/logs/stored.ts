import type { LogLine } from './contract.ts';
import { describeLine } from './guess.ts';
import { sentence } from './request-line.ts';

/** A line as it is on disk: one JSON object, its time first. A request's text is not kept: the rest says the same. */
export function store(line: LogLine): string {
  const { time, instance, deployment, stream, level, requestId, seq, request } = line;
  const rest = request === undefined ? { line: line.line } : { request };
  return JSON.stringify({ time, instance, deployment, stream, level, requestId, seq, ...rest });
}

/** The line that was stored; undefined for one that was cut short by a crash. */
export function restore(stored: string): LogLine | undefined {
  if (stored === '') return undefined;
  let line: LogLine;
  try {
    line = JSON.parse(stored) as LogLine;
  } catch {
    return undefined;
  }
  if (line.request !== undefined) line.line = sentence(line.request);
  // Older servers stored no level.
  else if (line.level === undefined && line.stream !== 'request')
    Object.assign(line, describeLine(line.stream, line.line));
  return line;
}
