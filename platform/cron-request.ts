import { request } from 'node:http';
import type { CronParts } from './crons/contract.ts';

/**
 * Makes the requests of crons through the edge, as a client would: an app that sleeps is thawed, and the access log has them.
 *
 * @param edge where it listens
 */
export function cronRequest(edge: { host: string; port: number }, domain: string): CronParts['request'] {
  return async (app, path, method, headers, signal) => {
    const began = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const asking = request({
      ...edge,
      path,
      method,
      signal,
      agent: false,
      headers: { ...headers, host: `${app}.${domain}`, 'user-agent': 'thaw-cron' },
    });
    asking.once('error', reject);
    asking.once('response', (answer) => {
      answer.once('error', reject);
      answer.once('end', () => resolve(answer.statusCode ?? 0));
      answer.resume();
    });
    asking.end();
    const status = await promise;
    return { status, ms: performance.now() - began };
  };
}
