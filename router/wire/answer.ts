/*
 * The head of an answer, from its text (RFC 9112). What one reader could take
 * for this and another for that is refused: lines that end with a bare line
 * feed, folded lines, two lengths, a length beside chunks, codings that nobody
 * asked for.
 */

/** An instance's answer up to its body. */
export interface AnswerHead {
  /** 100 to 999. */
  status: number;
  reason: string;
  /** Flat list of names and values, in order and spelling as they came. */
  headers: string[];
  /** The value of `Connection`, in lower case; undefined when there is none. */
  connection: string | undefined;
  /** Where its body ends; of an answer that may have one. */
  framing: Framing;
  /** The connection may be used again when the answer is over. */
  keepAlive: boolean;
  /** For how long the instance keeps an idle connection, in milliseconds, when it says so. */
  keepAliveMs: number | undefined;
}

/** After so many bytes, after the last chunk, or with the connection. */
export type Framing = number | 'chunked' | 'open';

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
/** All but control characters, which could end a line or a string for somebody. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Exact as a number of JavaScript. */
const LENGTH = /^\d{1,15}$/;
const KEEP_ALIVE_TIMEOUT = /\btimeout=(\d{1,9})\b/i;

/**
 * Reads a head.
 *
 * @param text without the empty line at its end
 * @throws Error for what is no HTTP, or not by its rules
 */
export function readHead(text: string): AnswerHead {
  const lines = text.split('\r\n');
  const [, minor, status, reason = ''] = STATUS_LINE.exec(lines[0] as string) ?? [];
  if (status === undefined) throw new Error('The answer does not begin as one of HTTP/1 does.');
  const headers: string[] = [];
  let connection: string | undefined;
  let length: number | undefined;
  let chunked = false;
  let keepAliveMs: number | undefined;
  for (let at = 1; at < lines.length; at += 1) {
    const value = readField(lines[at] as string, headers);
    switch ((headers.at(-2) as string).toLowerCase()) {
      case 'connection':
        connection = connection === undefined ? value.toLowerCase() : `${connection},${value.toLowerCase()}`;
        break;
      case 'content-length':
        if (length !== undefined || !LENGTH.test(value)) throw new Error('The answer has no one length.');
        length = Number(value);
        break;
      case 'transfer-encoding':
        if (chunked || value.toLowerCase() !== 'chunked') throw new Error('The answer has a coding not asked for.');
        chunked = true;
        break;
      case 'keep-alive': {
        const seconds = KEEP_ALIVE_TIMEOUT.exec(value)?.[1];
        if (seconds !== undefined) keepAliveMs = Number(seconds) * 1000;
        break;
      }
    }
  }
  if (chunked && length !== undefined) throw new Error('The answer has both a length and chunks.');
  const framing = chunked ? 'chunked' : (length ?? 'open');
  // Chunks are unknown to HTTP/1.0: whoever sends them there may not mean what we read.
  const keepAlive = minor === '1' ? !names(connection, 'close') : names(connection, 'keep-alive') && !chunked;
  return { status: Number(status), reason, headers, connection, framing, keepAlive, keepAliveMs };
}

/**
 * Reads a line of a head or of trailers, and adds its name and value to a flat list.
 *
 * @returns the value
 * @throws Error for what is no header field
 */
export function readField(line: string, into: string[]): string {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(0, colon));
  let from = colon + 1;
  let to = line.length;
  while (from < to && isBlank(line.charCodeAt(from))) from += 1;
  while (from < to && isBlank(line.charCodeAt(to - 1))) to -= 1;
  const value = line.slice(from, to);
  if (!TOKEN.test(name) || !VALUE.test(value)) throw new Error('The answer has a header that is none.');
  into.push(name, value);
  return value;
}

/** Space and tab alone: `trim` would also take what is a character of its own in a header. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function names(connection: string | undefined, option: string): boolean {
  if (connection === undefined) return false;
  return connection === option || connection.split(',').some((one) => one.trim() === option);
}
