import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ThawError } from '../../platform/errors.ts';

/** Longest header block that git may answer with. */
const MOST_HEADER_BYTES = 16 * 1024;
/** Between asking git to end and ending it. */
const GRACE_MS = 2000;

/** One request for `git http-backend`, the CGI program of git (RFC 3875, git-http-backend(1)). */
export interface BackendRequest {
  method: string;
  /** The repository and the service below the root: `/a1b2.git/info/refs`. Never a client's own text. */
  pathInfo: string;
  query: string;
  headers: Headers;
  body: ReadableStream<Uint8Array> | null;
  /** Who asks, for git's reflog. */
  user: string;
  /** The whole environment besides CGI's own. */
  env: Record<string, string>;
}

export interface BackendAnswer {
  response: Response;
  /** Resolves when git and its hooks are gone. */
  ended: Promise<void>;
}

/**
 * Runs git for one request, streaming both ways. When `signal` fires or the client stops reading, git and its hooks are ended.
 *
 * @param warn takes what git writes to its standard error
 */
export async function httpBackend(
  request: BackendRequest,
  signal: AbortSignal,
  warn: (text: string) => void,
): Promise<BackendAnswer> {
  const child = spawn('git', ['http-backend'], {
    env: { ...request.env, ...cgi(request) },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true, // A group of its own, so that hooks end with it.
  });
  const ended = once(child, 'close').then(
    () => {},
    (error: unknown) => warn(String(error)),
  );
  const end = () => endGroup(child, ended);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  void ended.then(() => signal.removeEventListener('abort', end));

  child.stderr.setEncoding('utf8').on('data', warn);
  // Git closes its input early when it refuses; what it says then is the answer.
  const input = request.body === null ? Readable.from([]) : Readable.fromWeb(request.body as never);
  pipeline(input, child.stdin).catch(() => {});
  try {
    const { status, headers } = await readHead(child.stdout);
    const body = Readable.toWeb(child.stdout) as ReadableStream<Uint8Array>;
    return { response: new Response(cancelling(body, end), { status, headers }), ended };
  } catch (error) {
    end();
    throw error;
  }
}

function cgi({ method, pathInfo, query, headers, user }: BackendRequest): Record<string, string> {
  const passed = {
    CONTENT_TYPE: 'content-type',
    CONTENT_LENGTH: 'content-length',
    HTTP_CONTENT_ENCODING: 'content-encoding',
    GIT_PROTOCOL: 'git-protocol',
  };
  const given = Object.entries(passed).flatMap(([name, header]) => {
    const value = headers.get(header);
    return value === null ? [] : [[name, value]];
  });
  return {
    ...Object.fromEntries(given),
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REQUEST_METHOD: method,
    PATH_INFO: pathInfo,
    QUERY_STRING: query,
    REMOTE_USER: user,
    REMOTE_ADDR: '127.0.0.1',
    GIT_HTTP_EXPORT_ALL: '1',
  };
}

/** Reads the header block and leaves the stream at the first byte of the body. */
async function readHead(stdout: Readable): Promise<{ status: number; headers: Headers }> {
  let head = Buffer.alloc(0);
  for (;;) {
    const chunk = (stdout.read() as Buffer | null) ?? undefined;
    if (chunk === undefined) {
      if (stdout.readableEnded || stdout.destroyed) throw noAnswer(head);
      await Promise.race([once(stdout, 'readable'), once(stdout, 'end')]);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end >= 0) {
      const rest = head.subarray(end + 4);
      if (rest.length > 0) stdout.unshift(rest);
      return parseHead(head.toString('latin1', 0, end));
    }
    if (head.length > MOST_HEADER_BYTES) throw noAnswer(head);
  }
}

function parseHead(text: string): { status: number; headers: Headers } {
  const headers = new Headers();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const status = Number.parseInt(headers.get('status') ?? '200', 10);
  headers.delete('status');
  return { status, headers };
}

function noAnswer(head: Buffer): ThawError {
  return new ThawError('internal', 'git gave no answer.', { cause: head.toString('latin1').slice(0, 500) });
}

/** A stream that tells when its reader goes away. */
function cancelling(body: ReadableStream<Uint8Array>, cancelled: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel(reason) {
      cancelled();
      await reader.cancel(reason);
    },
  });
}

function endGroup(child: ChildProcess, ended: Promise<void>): void {
  const { pid } = child;
  if (pid === undefined) return;
  const send = (signal: NodeJS.Signals) => {
    try {
      process.kill(-pid, signal);
    } catch {
      // Gone already.
    }
  };
  send('SIGTERM');
  const timer = setTimeout(send, GRACE_MS, 'SIGKILL');
  void ended.then(() => clearTimeout(timer));
}
