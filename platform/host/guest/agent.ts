import { Agent as HttpAgent, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ThawError } from '../../errors.ts';
import type { ExecEvent, ExecRequest, GuestLogLine, Listening, ProcessRequest } from '../contract.ts';
import { readFrames } from './frames.ts';
import { AGENT_PORTS } from './ports.ts';

const DEFAULT_OUTPUT_BYTES = 4 * 1024 * 1024;
/** The longest line the agent sends is 16 KiB of text, escaped; past this the guest is lying. */
const MAX_LINE_BYTES = 256 * 1024;
const MAX_ANSWER_BYTES = 64 * 1024;

const exit = z.object({
  code: z.number().nullable(),
  signal: z.string().nullable(),
  timedOut: z.boolean(),
  truncated: z.boolean(),
});
const ended = z.object({ code: z.number().nullable(), signal: z.string().nullable() });
const listening = z.union([
  z.object({ listening: z.literal(true) }),
  z.object({ listening: z.literal(false), exited: ended }),
  z.object({ listening: z.literal(false), timedOut: z.literal(true) }),
]);
const logLine = z.object({
  seq: z.number(),
  time: z.string().max(40),
  stream: z.enum(['stdout', 'stderr']),
  line: z.string(),
});

interface Call {
  method: string;
  path: string;
  body?: string | AsyncIterable<Uint8Array>;
  signal?: AbortSignal | undefined;
}

/** The agent of one guest, spoken to over HTTP. What it answers comes from inside the guest and is checked. */
export class GuestAgent {
  readonly #address: string;
  readonly #http = new HttpAgent({ keepAlive: false });

  /** @param address the VM's slot address */
  constructor(address: string) {
    this.#address = address;
  }

  /** Resolves when the agent answers. @throws the signal's reason */
  async waitUntilUp(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const attempt = AbortSignal.any([signal, AbortSignal.timeout(500)]);
      const up = await this.#json({ method: 'GET', path: '/health', signal: attempt }).then(
        () => true,
        () => false,
      );
      if (up) return;
      await sleep(20);
    }
  }

  async *exec(req: ExecRequest, signal?: AbortSignal): AsyncIterable<ExecEvent> {
    const body = JSON.stringify({
      argv: req.argv,
      env: req.env ?? {},
      cwd: req.cwd ?? '/app',
      user: req.user ?? 'app',
      timeoutMs: req.timeoutMs,
      maxOutputBytes: req.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES,
    });
    const answer = await this.#send({ method: 'POST', path: '/exec', body, signal });
    try {
      for await (const frame of readFrames(answer)) {
        if (frame.kind === 'stdout' || frame.kind === 'stderr') yield { kind: frame.kind, data: frame.payload };
        else if (frame.kind === 'exit')
          yield { kind: 'exit', ...exit.parse(JSON.parse(frame.payload.toString('utf8'))) };
        else {
          throw new ThawError('unprocessable', `The command could not be started: ${frame.payload.toString('utf8')}`);
        }
      }
    } finally {
      answer.destroy();
    }
  }

  async putTree(path: string, tar: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    const query = new URLSearchParams({ path, user: 'app' });
    await drain(await this.#send({ method: 'PUT', path: `/tree?${query}`, body: tar, signal }));
  }

  async *getTree(path: string, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    const answer = await this.#send({ method: 'GET', path: `/tree?${new URLSearchParams({ path })}`, signal });
    try {
      yield* answer;
    } finally {
      answer.destroy();
    }
  }

  async startProcess(req: ProcessRequest, signal?: AbortSignal): Promise<void> {
    const body = JSON.stringify({
      name: 'app',
      argv: req.argv,
      env: req.env,
      cwd: req.cwd ?? '/app',
      user: req.user ?? 'app',
      tasksMax: req.tasksMax ?? 0,
    });
    await drain(await this.#send({ method: 'POST', path: '/process', body, signal }));
  }

  async waitListening(port: number, timeoutMs: number, signal?: AbortSignal): Promise<Listening> {
    const path = `/wait?port=${port}&timeoutMs=${timeoutMs}`;
    return listening.parse(await this.#json({ method: 'GET', path, signal }));
  }

  async *logs(after: number, follow: boolean, signal?: AbortSignal): AsyncIterable<GuestLogLine> {
    const path = `/logs?after=${after}${follow ? '&follow=1' : ''}`;
    const answer = await this.#send({ method: 'GET', path, signal });
    try {
      let partial = '';
      for await (const chunk of answer.setEncoding('utf8')) {
        const lines = (partial + chunk).split('\n');
        partial = lines.pop() ?? '';
        if (partial.length > MAX_LINE_BYTES) throw new ThawError('internal', 'The guest sent an endless log line.');
        for (const line of lines) if (line !== '') yield logLine.parse(JSON.parse(line));
      }
    } finally {
      answer.destroy();
    }
  }

  async clearLogs(signal?: AbortSignal): Promise<void> {
    await drain(await this.#send({ method: 'POST', path: '/logs/clear', signal }));
  }

  async pendingWork(signal?: AbortSignal): Promise<number> {
    return z.object({ pending: z.number() }).parse(await this.#json({ method: 'GET', path: '/pending', signal }))
      .pending;
  }

  /** Brings the guest into a state worth freezing: disks written, garbage collected. What was read from disk stays in memory. */
  async settle(signal?: AbortSignal): Promise<void> {
    await drain(await this.#send({ method: 'POST', path: '/settle?cache=keep', signal }));
  }

  async #json(call: Call): Promise<unknown> {
    return JSON.parse(await text(await this.#send(call)));
  }

  async #send(call: Call): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = request({
      host: this.#address,
      port: AGENT_PORTS.http,
      agent: this.#http,
      method: call.method,
      path: call.path,
      ...(call.signal ? { signal: call.signal } : {}),
    });
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    if (call.body === undefined || typeof call.body === 'string') outgoing.end(call.body);
    else pipeline(Readable.from(call.body), outgoing).catch(reject);
    const answer = await promise.catch((cause: unknown) => {
      call.signal?.throwIfAborted();
      throw cause instanceof ThawError ? cause : new ThawError('unavailable', 'The VM does not answer.', { cause });
    });
    if (answer.statusCode !== undefined && answer.statusCode < 300) return answer;
    const code = answer.statusCode === 413 ? 'too_large' : 'unprocessable';
    throw new ThawError(code, refusal(await text(answer)));
  }
}

/** The agent's own words: `{"error":{"message"}}`. */
function refusal(body: string): string {
  try {
    return z.object({ error: z.object({ message: z.string().max(2000) }) }).parse(JSON.parse(body)).error.message;
  } catch {
    return 'The VM refused the call.';
  }
}

async function text(answer: IncomingMessage): Promise<string> {
  let all = '';
  for await (const chunk of answer.setEncoding('utf8')) {
    all += chunk;
    if (all.length > MAX_ANSWER_BYTES) break;
  }
  return all;
}

async function drain(answer: IncomingMessage): Promise<void> {
  for await (const _ of answer);
}
