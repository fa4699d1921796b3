import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ThawError } from '../platform/errors.ts';
import { type Figure, median } from './figures.ts';
import type { PartOptions, PartResult } from './part.ts';
import { NAME, type Proxies, startProxies } from './proxies.ts';

const SECONDS = 5;
const CONNECTIONS = [16, 64];

interface Load {
  requestsPerSecond: number;
  /** In milliseconds. */
  p99: number;
}

/** Requests through Thaw's edge, and through Caddy and nginx, to one upstream, in turn. */
export async function proxied({ rounds = 5, progress }: PartOptions): Promise<PartResult> {
  await using proxies = await startProxies();
  const names = Object.keys(proxies.ports) as (keyof Proxies['ports'])[];
  const figures: Figure[] = [];
  const samples: Record<string, Record<string, Load[]>> = {};
  // What is compiled and kept open while it runs is there before anything counts.
  for (const name of names) await load(proxies.ports[name], 64);
  for (const connections of CONNECTIONS) {
    const loads: Record<string, Load[]> = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = 0; round < rounds; round += 1) {
      // Each goes first in turn, so that what else the machine does falls on all alike.
      for (let at = 0; at < names.length; at += 1) {
        const name = names[(at + round) % names.length] as (typeof names)[number];
        const one = await load(proxies.ports[name], connections);
        loads[name]?.push(one);
        progress(`proxied ${connections}: ${name} ${one.requestsPerSecond.toFixed(0)}/s, p99 ${one.p99.toFixed(1)} ms`);
      }
    }
    const rate = (name: string) => median(loads[name]?.map(({ requestsPerSecond }) => requestsPerSecond) ?? []);
    for (const name of names) {
      figures.push(
        {
          part: 'proxied',
          name: `${name}, ${connections} connections, requests a second`,
          value: rate(name),
          unit: '',
        },
        { part: 'proxied', name: '  p99', value: median(loads[name]?.map(({ p99 }) => p99) ?? []), unit: 'ms' },
      );
    }
    const ratio = { part: 'proxied', value: rate('thaw') / rate('caddy'), unit: 'x' } as const;
    figures.push({ ...ratio, name: `Thaw to Caddy, ${connections} connections`, atLeast: 0.8 });
    samples[connections] = loads;
  }
  return { figures, samples };
}

/** One thread of wrk: https://github.com/wg/wrk */
async function load(port: number, connections: number): Promise<Load> {
  const argv = ['-t1', `-c${connections}`, `-d${SECONDS}s`, '--latency', '-H', `Host: ${NAME}`];
  const { stdout } = await promisify(execFile)('wrk', [...argv, `http://127.0.0.1:${port}/`]);
  const [, p99, unit] = /^\s*99%\s+([\d.]+)(us|ms|s)$/m.exec(stdout) ?? [];
  const [, requestsPerSecond] = /^Requests\/sec:\s+([\d.]+)$/m.exec(stdout) ?? [];
  const wrong = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(stdout)?.[0];
  if (p99 === undefined || requestsPerSecond === undefined || wrong !== undefined) {
    throw new ThawError('internal', `wrk has no good result: ${wrong ?? stdout}`);
  }
  const toMs = { us: 0.001, ms: 1, s: 1000 }[unit as 'us' | 'ms' | 's'];
  return { requestsPerSecond: Number(requestsPerSecond), p99: Number(p99) * toMs };
}
