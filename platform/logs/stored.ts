import type { LogLine, RequestRecord } from './contract.ts';
import { describeLine } from './guess.ts';
import { sentence } from './request-line.ts';

/** A request's line without its text, which is not kept: the rest says the same. Its keys are in the order of the disk's. */
type StoredRequest = Pick<LogLine, 'time' | 'instance' | 'deployment' | 'stream' | 'level'> & {
  requestId: string | undefined;
  request: RequestRecord;
};

/** A line as it is on disk: one JSON object, its time first. */
export function store(line: LogLine): string {
  const { time, instance, deployment, stream, level, requestId, seq, request } = line;
  if (request !== undefined) return storeRequest({ time, instance, deployment, stream, level, requestId, request });
  return JSON.stringify({ time, instance, deployment, stream, level, requestId, seq, line: line.line });
}

/** The same for a request, without making a line of it first. */
export function storeRequest(line: StoredRequest): string {
  return JSON.stringify(line);
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
