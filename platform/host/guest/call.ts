import { Agent as HttpAgent, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { type ErrorCode, ThawError } from '../../errors.ts';
import { connectError } from './connect-error.ts';
import { AGENT_PORTS } from './ports.ts';

const MAX_ANSWER_BYTES = 64 * 1024;

export interface AgentCall {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  signal?: AbortSignal | undefined;
}

/** HTTP to the agent of one guest. */
export class AgentCaller {
  readonly #address: string;
  readonly #http = new HttpAgent({ keepAlive: false });

  /** @param address the VM's slot address */
  constructor(address: string) {
    this.#address = address;
  }

  /**
   * @throws ThawError with the agent's words: what its code means where it is one of the Connect protocol, else
   *   `unprocessable` or `too_large`; `unavailable`; the signal's reason
   */
  async send(call: AgentCall): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = request({
      host: this.#address,
      port: AGENT_PORTS.http,
      agent: this.#http,
      method: call.method,
      path: call.path,
      ...(call.headers ? { headers: call.headers } : {}),
      ...(call.signal ? { signal: call.signal } : {}),
    });
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    if (call.body === undefined || typeof call.body === 'string' || call.body instanceof Uint8Array) {
      outgoing.end(call.body);
    } else pipeline(Readable.from(call.body), outgoing).catch(reject);
    const answer = await promise.catch((cause: unknown) => {
      call.signal?.throwIfAborted();
      throw cause instanceof ThawError ? cause : new ThawError('unavailable', 'The VM does not answer.', { cause });
    });
    if (answer.statusCode !== undefined && answer.statusCode < 300) return answer;
    throw refusal(await text(answer), answer.statusCode === 413 ? 'too_large' : 'unprocessable');
  }

  /** Sends a call whose answer says nothing. */
  async done(call: AgentCall): Promise<void> {
    for await (const _ of await this.send(call));
  }

  /** The JSON of an answer, unchecked. @param maxBytes of it; what is longer is no answer of the agent */
  async json(call: AgentCall, maxBytes?: number): Promise<unknown> {
    return JSON.parse(await text(await this.send(call), maxBytes));
  }
}

/** How the plain routes of E2B's schema say no: the status, and words. */
const plain = z.object({ code: z.int(), message: z.string().max(2000) });
const PLAIN_CODES: Record<number, ErrorCode> = { 400: 'invalid_input', 403: 'forbidden', 404: 'not_found' };

/** The agent's own words: `{"error":{"message"}}`, or `{"code","message"}`, of the Connect protocol or of a plain route. */
function refusal(body: string, code: ErrorCode): ThawError {
  const said = z.object({ message: z.string().max(2000) });
  try {
    const told: unknown = JSON.parse(body);
    const { success, data } = plain.safeParse(told);
    if (success) return new ThawError(PLAIN_CODES[data.code] ?? code, data.message);
    const answer = z.union([z.object({ error: said }), said]).parse(told);
    return connectError(told) ?? new ThawError(code, 'error' in answer ? answer.error.message : answer.message);
  } catch {
    return new ThawError(code, 'The VM refused the call.');
  }
}

async function text(answer: IncomingMessage, maxBytes = MAX_ANSWER_BYTES): Promise<string> {
  const pieces: string[] = [];
  let length = 0;
  for await (const chunk of answer.setEncoding('utf8')) {
    pieces.push(chunk);
    length += chunk.length;
    if (length > maxBytes) break;
  }
  return pieces.join('');
}
