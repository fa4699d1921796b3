import { LEVELS, type LogLine, type LogQuery } from './contract.ts';

/** Tests lines against a query. */
export interface Matcher {
  /** False for a stored line that need not be parsed: it cannot match. */
  worthParsing(stored: string): boolean;
  matches(line: LogLine): boolean;
}

/** What every stored line begins with. */
const TIME = '{"time":"';
const TIME_LENGTH = '2026-01-02T03:04:05.678Z'.length;

export function matcherOf(query: LogQuery): Matcher {
  const { since = '', until, text, stream, written, deployment, instance, requestId } = query;
  const wanted = text?.toLowerCase();
  const least = LEVELS.indexOf(query.level ?? 'info');
  const inTime = (time: string) => time >= since && (until === undefined || time < until);
  const names = [deployment, instance, requestId].filter((name) => name !== undefined);
  return {
    worthParsing(stored) {
      const timed = stored.startsWith(TIME) && stored.charAt(TIME.length + TIME_LENGTH) === '"';
      if (timed && !inTime(stored.slice(TIME.length, TIME.length + TIME_LENGTH))) return false;
      return names.every((name) => stored.includes(name));
    },
    matches(line) {
      if (!inTime(line.time) || LEVELS.indexOf(line.level) < least) return false;
      if (stream !== undefined && line.stream !== stream) return false;
      if (written === true && line.stream === 'request') return false;
      if (deployment !== undefined && line.deployment !== deployment) return false;
      if (instance !== undefined && line.instance !== instance) return false;
      if (requestId !== undefined && line.requestId !== requestId) return false;
      return wanted === undefined || line.line.toLowerCase().includes(wanted);
    },
  };
}
