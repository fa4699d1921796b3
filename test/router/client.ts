import { type Agent, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  trailers: NodeJS.Dict<string>;
  body: string;
}

export interface Ask {
  port: number;
  path?: string;
  host?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  signal?: AbortSignal;
  agent?: Agent;
}

/** Sends a request to shop.localhost and reads the whole answer. */
export async function ask(asked: Ask): Promise<Answer> {
  const answer = await begin(asked);
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    trailers: answer.trailers,
    body: Buffer.concat(chunks).toString(),
  };
}

/** Sends a request and resolves with the answer's head; its body is the caller's to read. */
export function begin({ port, path = '/', host = 'shop.localhost', body, ...rest }: Ask): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = {
      host: '127.0.0.1',
      port,
      path,
      agent: false,
      ...rest,
      headers: { host, ...rest.headers },
    };
    request(options, resolve).on('error', reject).end(body);
  });
}

/** Everything that a raw connection gets until it ends, as text. */
export async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket) chunks.push(chunk as Buffer);
  } catch {
    // A reset ends it too.
  }
  return Buffer.concat(chunks).toString('latin1');
}

/** Waits until `condition` holds; for states that no event tells of. */
export async function until(condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await delay(5);
  }
}
