import { errorFromBody, ThawApiError } from './error.ts';
import { readNdjson } from './ndjson.ts';
import { withRetries } from './retries.ts';
import { readEvents, type ServerSentEvent } from './sse.ts';
import { upload } from './upload.ts';

/** How long a call that is no stream may take, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 60_000;

export interface ThawOptions {
  /** Address of the API, e.g. `http://127.0.0.1:7070`. */
  url: string;
  /** `thw_...`; without one only what needs no key answers. */
  apiKey?: string | undefined;
  /** Stands in for the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Ends every call of this client. */
  signal?: AbortSignal | undefined;
  /** Longest a call that is no stream may take; default 60 s. */
  timeoutMs?: number | undefined;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends this call; it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** One call of the API, as the resources describe it. */
export interface Call extends CallOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path segments after the address; each is checked and encoded. */
  path: readonly string[];
  query?: Record<string, string | number | readonly string[] | undefined>;
  json?: unknown;
  /** Longest this call may take unless it is a stream; default: the client's. */
  timeoutMs?: number;
  /** A body of raw bytes, sent as it comes. */
  body?: { type: string; bytes: AsyncIterable<Uint8Array> | Uint8Array | Blob };
  /** It may take as long as it takes: there is no time limit but the caller's signal. */
  unlimited?: boolean;
}

/** Speaks HTTP for all resources: address, key, errors, time limits, streams. */
export class Transport {
  readonly #base: string;
  readonly #options: ThawOptions;

  /** @throws ThawApiError `invalid_input` for an address that is no http(s) URL */
  constructor(options: ThawOptions) {
    if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol)) {
      throw new ThawApiError('invalid_input', `"${options.url}" is no address of a server.`, {
        hint: 'It should look like http://127.0.0.1:7070.',
      });
    }
    this.#base = options.url.replace(/\/+$/, '');
    this.#options = options;
  }

  /** The JSON answer of a call; undefined for an answer without a body. */
  async json<T>(call: Call): Promise<T> {
    const limit = call.unlimited
      ? new AbortController().signal
      : AbortSignal.timeout(call.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = this.#signals(call, limit);
    const answer = await this.#send(call, signal, limit);
    if (answer.status === 204) return undefined as T;
    try {
      return (await answer.json()) as T;
    } catch (cause) {
      throw this.#explain(cause, signal, limit) ?? notJson(answer, cause);
    }
  }

  /** The values of a streamed answer, as they come; there is no time limit but the caller's signal. */
  lines<T>(call: Call): AsyncGenerator<T, void, undefined> {
    return this.#stream(call, readNdjson<T>);
  }

  /** The bytes of an answer, as they come; there is no time limit but the caller's signal. */
  async *bytes(call: Call): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.#stream(call, async function* (body) {
      const reader = body.getReader();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          yield value;
        }
      } finally {
        await reader.cancel().catch(() => undefined);
      }
    });
  }

  /** The events of a stream of server-sent events, as they come; there is no time limit but the caller's signal. */
  events(call: Call): AsyncGenerator<ServerSentEvent, void, undefined> {
    return this.#stream(call, readEvents);
  }

  async *#stream<T>(
    call: Call,
    read: (body: ReadableStream<Uint8Array>) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    // Whichever way the reading ends, the request ends with it: also one whose body is still being sent.
    const over = new AbortController();
    const signal = this.#signals(call, over.signal);
    try {
      const answer = await this.#send(call, signal);
      if (answer.body !== null) yield* read(answer.body);
    } catch (cause) {
      throw this.#explain(cause, signal) ?? cause;
    } finally {
      over.abort();
    }
  }

  /** Sends it, and again where that is safe. What is read as it is sent cannot be sent twice. */
  #send(call: Call, signal: AbortSignal, limit?: AbortSignal): Promise<Response> {
    if (call.body !== undefined) return this.#sendOnce(call, signal, limit);
    const harmless = call.method === undefined || call.method === 'GET';
    return withRetries(harmless, signal, () => this.#sendOnce(call, signal, limit));
  }

  async #sendOnce(call: Call, signal: AbortSignal, limit?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json, application/x-ndjson' };
    if (this.#options.apiKey !== undefined) headers.authorization = `Bearer ${this.#options.apiKey}`;
    const init: RequestInit = { method: call.method ?? 'GET', headers, signal };
    if (call.json !== undefined) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(call.json);
    } else if (call.body !== undefined) {
      headers['content-type'] = call.body.type;
      const { bytes } = call.body;
      if (Symbol.asyncIterator in bytes) {
        init.body = upload(bytes, signal);
        init.duplex = 'half';
      } else {
        init.body = bytes as Uint8Array<ArrayBuffer> | Blob;
      }
    }
    let answer: Response;
    try {
      answer = await (this.#options.fetch ?? fetch)(this.#address(call), init);
    } catch (cause) {
      throw this.#explain(cause, signal, limit) ?? cause;
    }
    if (answer.ok) return answer;
    const body = await answer.json().catch(() => undefined);
    throw errorFromBody(body, answer.status, answer.headers.get('x-request-id') ?? undefined);
  }

  #address(call: Call): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value === undefined) continue;
      for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
    }
    const path = call.path.map(segment).join('/');
    return `${this.#base}/${path}${query.size === 0 ? '' : `?${query}`}`;
  }

  #signals(call: Call, own: AbortSignal): AbortSignal {
    const given = [this.#options.signal, call.signal, own];
    return AbortSignal.any(given.filter((signal) => signal !== undefined));
  }

  /** What a failure below HTTP means; undefined for an error that needs no translation. */
  #explain(cause: unknown, signal: AbortSignal, limit?: AbortSignal): unknown {
    if (limit?.aborted === true && signal.reason === limit.reason) {
      return new ThawApiError('timed_out', `${this.#base} took too long to answer.`, { cause });
    }
    if (signal.aborted) return signal.reason;
    // `fetch` reports everything below HTTP, and a body that breaks off, as a TypeError.
    if (!(cause instanceof TypeError)) return undefined;
    return new ThawApiError('unreachable', `Cannot reach ${this.#base}: ${rootOf(cause)}.`, { cause });
  }
}

/** One path segment. A dot segment would be resolved away and name another route. */
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..') {
    throw new ThawApiError('invalid_input', `"${text}" is no name.`);
  }
  return encodeURIComponent(text);
}

function notJson(answer: Response, cause: unknown): ThawApiError {
  return new ThawApiError('broken_answer', 'The server answered something that is no JSON.', {
    hint: 'Check that the address is that of a Thaw server, not of something in front of it.',
    status: answer.status,
    requestId: answer.headers.get('x-request-id') ?? undefined,
    cause,
  });
}

/** The innermost message: `fetch failed` alone says nothing. */
function rootOf(error: Error): string {
  let innermost: Error = error;
  while (innermost.cause instanceof Error) innermost = innermost.cause;
  const code = (innermost as { code?: unknown }).code;
  return innermost.message || (typeof code === 'string' ? code : error.message);
}
