import { type FileHandle, open } from 'node:fs/promises';
import { linesBackwards } from './backwards.ts';
import type { LogLine, LogQuery } from './contract.ts';
import { matcherOf } from './query.ts';
import type { Extent } from './segments.ts';
import { restore } from './stored.ts';

/** A line is written after its time; guests' clocks differ from the host's by less than this. */
const CLOCK_SLACK_MS = 60_000;

/**
 * The newest `limit` lines of a log that match, oldest first.
 *
 * @param extents the log's files, oldest first; one that was removed meanwhile is left out
 */
export async function search(extents: readonly Extent[], query: LogQuery, limit: number): Promise<LogLine[]> {
  const found: LogLine[] = [];
  const earliest = query.since === undefined ? undefined : Date.parse(query.since) - CLOCK_SLACK_MS;
  const matcher = matcherOf(query);
  for (const { path, bytes } of extents.toReversed()) {
    if (found.length >= limit) break;
    await using file = await openIfThere(path);
    if (file === undefined) continue;
    // Nothing was written to it since, nor to those before it.
    if (earliest !== undefined && (await file.stat()).mtimeMs < earliest) break;
    for await (const batch of linesBackwards(file, bytes)) {
      for (const stored of batch) {
        if (found.length >= limit) break;
        if (!matcher.worthParsing(stored)) continue;
        const line = restore(stored);
        if (line !== undefined && matcher.matches(line)) found.push(line);
      }
      if (found.length >= limit) break;
    }
  }
  // They are written in groups, those of one instance after those of another.
  return found.reverse().sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
