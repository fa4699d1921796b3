import { readFile } from 'node:fs/promises';
import { Thaw, ThawApiError } from '../sdk/index.ts';
import type { Environment } from './environment.ts';

/** A client with the key that was found, and what to say when the server refuses it. */
export interface Connection {
  thaw: Thaw;
  keyHint: string;
}

/**
 * Connects to the server that the environment names. The key is THAW_API_KEY,
 * else the admin key of a server on this machine; that one is never sent to
 * another machine.
 *
 * @throws ThawApiError `invalid_input` for an address that is no URL
 */
export async function connect(environment: Environment, signal: AbortSignal): Promise<Connection> {
  const { key, hint } = await findKey(environment);
  return { thaw: new Thaw({ url: environment.url, apiKey: key, signal }), keyHint: hint };
}

async function findKey(environment: Environment): Promise<{ key?: string; hint: string }> {
  const { apiKey, adminKeyFile, url } = environment;
  if (apiKey !== undefined)
    return { key: apiKey.trim(), hint: 'The key in THAW_API_KEY is wrong, revoked or of another server.' };
  if (!isLocal(url)) return { hint: `Set THAW_API_KEY to a key of the server at ${url}.` };
  try {
    const key = (await readFile(adminKeyFile, 'utf8')).trim();
    return { key, hint: `The key in ${adminKeyFile} is of another server: set THAW_DATA or THAW_API_KEY.` };
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === 'EACCES';
    return {
      hint: denied
        ? `Set THAW_API_KEY; ${adminKeyFile} can be read by root alone.`
        : `Set THAW_API_KEY, or THAW_DATA to the server's data directory: there is no ${adminKeyFile}.`,
    };
  }
}

/** Whether an address is this very machine's own. */
export function isLocal(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === 'localhost' || /^127(\.\d+){3}$/.test(hostname) || hostname === '[::1]' || hostname === '0.0.0.0';
}

/** Whether a failure means that no server answers, or not to this key. */
export function isOutOfReach(error: unknown): boolean {
  return error instanceof ThawApiError && ['unreachable', 'unauthenticated', 'forbidden'].includes(error.code);
}
