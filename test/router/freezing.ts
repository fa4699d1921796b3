import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import type { Limits } from '../../router/parts.ts';
import { until } from './client.ts';
import type { Stand } from './stand.ts';

export const IDLE_MS = 40;
export const freeze: Partial<Limits> = { sleep: 'freeze', idleMs: IDLE_MS };

/** Answers with the number of the instance, and how many requests it has had. */
export function counter(instance: number) {
  let count = 0;
  return (_req: unknown, res: { end(text: string): void }) => {
    count += 1;
    res.end(`${instance}:${count}`);
  };
}

/** A WebSocket echo. */
export function echo(server: Server): void {
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
}

export async function dial(stand: Stand): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${stand.port}/`, { headers: { host: 'shop.localhost' } });
  await once(socket, 'open');
  return socket;
}

export async function say(socket: WebSocket, text: string): Promise<string> {
  const answer = once(socket, 'message');
  socket.send(text);
  return String((await answer)[0]);
}

/** What an answer has brought so far. */
export function textOf(answer: IncomingMessage): () => string {
  let text = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

export const KEEPALIVE_TIMER = '02';

/** The kernel's timers on open connections to a port of this machine, as /proc/net/tcp numbers them. */
export function timersTo(port: number): string[] {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.flatMap((row) => (row[2] === remote && row[3] === '01' ? [String(row[5]).slice(0, 2)] : []));
}

export const asleep = (stand: Stand, times = 1) =>
  until(() => stand.slept.length === times && stand.edge.instances().every(({ state }) => state === 'asleep'));
