import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** One answer of the edge. */
export interface Visit {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** From before the connection to the last byte. */
  ms: number;
}

/**
 * Sends one GET request on a connection of its own.
 *
 * @param edge `host:port` to connect to; names below `localhost` are not known to every resolver
 * @param url address that is asked for
 */
export async function visit(edge: string, url: URL, signal: AbortSignal): Promise<Visit> {
  const started = performance.now();
  const asking = request(`http://${edge}${url.pathname}${url.search}`, {
    headers: { host: url.host, accept: 'application/json' },
    agent: false,
    signal,
  }).end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = await answer.toArray({ signal });
  return {
    status: answer.statusCode ?? 0,
    headers: Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(chunks).toString(),
    ms: performance.now() - started,
  };
}
