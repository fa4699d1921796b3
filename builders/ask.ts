import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';

/** One HTTP request to a VM, on a connection of its own: the next VM at the same address must not get an old one. */
export interface Asking {
  host: string;
  port: number;
  /** Default `/`. */
  path?: string;
  /** JSON body; makes it a POST. */
  body?: unknown;
  headers?: OutgoingHttpHeaders;
  signal: AbortSignal;
}

/** Asks and gives back the answer when its head has come. The caller reads or destroys it. */
export async function askStreaming({
  host,
  port,
  path = '/',
  body,
  headers,
  signal,
}: Asking): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const method = body === undefined ? 'GET' : 'POST';
  const outgoing = request({ host, port, method, path, agent: false, signal, headers: headers ?? {} });
  outgoing.once('response', resolve);
  // Later errors come out of the answer.
  outgoing.on('error', reject);
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

/** Asks and waits for the whole answer, which is thrown away. Gives back its status. */
export async function ask(asking: Asking): Promise<number> {
  const answer = await askStreaming(asking);
  for await (const _ of answer);
  return answer.statusCode ?? 0;
}
