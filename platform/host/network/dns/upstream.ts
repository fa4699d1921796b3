import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { ThawError } from '../../../errors.ts';
import { askingMessage, type Question, type Reply, readReply } from './message.ts';

/** How long one try waits; the second follows when the first got nothing. */
const TRY_MS = 2_500;
const TRIES = 2;
const DNS_PORT = 53;

/** A resolver that this host asks. */
export interface Upstream {
  address: string;
  port: number;
}

/** The first resolver that the host itself asks; resolv.conf(5). */
export async function hostResolver(): Promise<Upstream> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  return { address: /^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)/m.exec(text)?.[1] ?? '127.0.0.1', port: DNS_PORT };
}

/**
 * Asks a resolver, over TCP when the answer does not fit in a datagram.
 *
 * @throws ThawError `timed_out`, `unavailable`
 */
export async function askUpstream(upstream: Upstream, question: Question): Promise<Reply> {
  for (let tries = 1; ; tries += 1) {
    const signal = AbortSignal.timeout(TRY_MS);
    try {
      const reply = await overUdp(upstream, question, signal);
      return reply.truncated ? await overTcp(upstream, question, signal) : reply;
    } catch (cause) {
      if (tries < TRIES) continue;
      const code = signal.aborted ? 'timed_out' : 'unavailable';
      throw new ThawError(code, 'The resolver of this host does not answer.', { cause });
    }
  }
}

/** A socket of its own for each question, so that its port is as hard to guess as its id. */
async function overUdp(upstream: Upstream, question: Question, signal: AbortSignal): Promise<Reply> {
  const id = randomInt(65_536);
  const socket = createSocket('udp4');
  try {
    const found = Promise.withResolvers<Reply>();
    socket.on('error', found.reject);
    socket.on('message', (message) => {
      const reply = readReply(message, id, question);
      if (reply !== undefined) found.resolve(reply);
    });
    signal.addEventListener('abort', () => found.reject(signal.reason), { once: true });
    socket.connect(upstream.port, upstream.address, () => socket.send(askingMessage(id, question)));
    return await found.promise;
  } finally {
    socket.close();
  }
}

async function overTcp(upstream: Upstream, question: Question, signal: AbortSignal): Promise<Reply> {
  const id = randomInt(65_536);
  const socket = connect({ host: upstream.address, port: upstream.port, signal });
  try {
    await once(socket, 'connect', { signal });
    socket.write(framed(askingMessage(id, question)));
    const frames = new Frames();
    for await (const chunk of socket) {
      for (const message of frames.add(chunk)) {
        const reply = readReply(message, id, question);
        if (reply !== undefined) return reply;
      }
    }
    throw new ThawError('unavailable', 'The resolver of this host closed the connection.');
  } finally {
    socket.destroy();
  }
}

/** Over TCP each message follows its length in two bytes (RFC 1035, 4.2.2). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Takes such messages out of a stream. Keeps at most one that is not whole, 64 KiB. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0);

  add(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2) {
      const end = 2 + this.#rest.readUInt16BE(0);
      if (this.#rest.length < end) break;
      messages.push(this.#rest.subarray(2, end));
      this.#rest = this.#rest.subarray(end);
    }
    return messages;
  }
}
