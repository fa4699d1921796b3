import type { LogLevel } from './contract.ts';

/*
 * What a line of text says about itself. Loggers write JSON with a level, or
 * begin with a word for it; what says nothing is an error on standard error and
 * information elsewhere.
 */

const WORDS = new Map<string, LogLevel>([
  ...levelled('info', 'trace', 'debug', 'info', 'information', 'notice'),
  ...levelled('warn', 'warn', 'warning'),
  ...levelled('error', 'error', 'err', 'critical', 'fatal', 'alert', 'emergency', 'panic'),
]);

function levelled(level: LogLevel, ...words: string[]): [string, LogLevel][] {
  return words.map((word) => [word, level]);
}

/** pino and bunyan count: 30 is information, 40 a warning, 50 an error. */
const WARN_FROM = 40;
const ERROR_FROM = 50;

/** A level's word after, at most, a time in brackets or without, and a process id: Python, gunicorn, uvicorn, Go. */
const LEADING_WORD =
  /^(?:\[?\d[\d\-/:.,TZ+ ]{4,40}\]?\s+)?(?:\[\d+\]\s+)?\[?(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|PANIC)\b/;

/** Names under which loggers write a request's id. */
const ID_FIELDS = ['requestId', 'request_id', 'reqId'];
const LONGEST_ID = 128;

/** The level of a line, and the request that it belongs to when it says so. */
export function describeLine(stream: 'stdout' | 'stderr', text: string): { level: LogLevel; requestId?: string } {
  const fields = fieldsOf(text);
  const level =
    levelOf(fields?.level ?? fields?.severity) ??
    levelOf(LEADING_WORD.exec(text)?.[1]) ??
    (stream === 'stderr' ? 'error' : 'info');
  const id = ID_FIELDS.map((name) => fields?.[name]).find((value) => typeof value === 'string');
  return typeof id === 'string' && id.length <= LONGEST_ID ? { level, requestId: id } : { level };
}

function fieldsOf(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{') || !text.trimEnd().endsWith('}')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function levelOf(said: unknown): LogLevel | undefined {
  if (typeof said === 'number') return said >= ERROR_FROM ? 'error' : said >= WARN_FROM ? 'warn' : 'info';
  return typeof said === 'string' ? WORDS.get(said.toLowerCase()) : undefined;
}
