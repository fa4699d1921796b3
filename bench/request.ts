import { Agent, request } from 'node:http';

/** What came back, and how long it took from the call to the last byte. */
export interface Answer {
  ms: number;
  status: number;
  body: string;
  headers: Record<string, string | string[] | undefined>;
}

export interface Asked {
  host: string;
  port: number;
  /** The `Host` header, when it is not the address. */
  name?: string;
  /** Connections to use; absent = a new one for this request alone. */
  agent?: Agent;
}

/** `GET /`. */
export function get({ host, port, name, agent }: Asked): Promise<Answer> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const asking = request({ host, port, path: '/', agent: agent ?? false, headers: name ? { host: name } : {} });
    asking.once('error', reject);
    asking.once('response', (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      answer.once('error', reject);
      answer.once('end', () => {
        resolve({ ms: performance.now() - began, status: answer.statusCode ?? 0, body, headers: answer.headers });
      });
    });
    asking.end();
  });
}

/** One connection that is kept. */
export function keptConnection(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}

/** `server-timing: queue;dur=1.5, thaw;dur=150` as `{ queue: 1.5, thaw: 150 }`. */
export function serverTiming({ headers }: Answer): Record<string, number> {
  const text = String(headers['server-timing'] ?? '');
  return Object.fromEntries(
    [...text.matchAll(/([\w-]+);dur=([\d.]+)/g)].map(([, name, value]) => [String(name), Number(value)]),
  );
}
