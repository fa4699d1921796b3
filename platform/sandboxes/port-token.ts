import { createHmac, timingSafeEqual } from 'node:crypto';
import type { PortToken } from './contract.ts';

/*
 * A token for one port of one sandbox:
 *
 *   <seconds since 1970 until which it holds, base 36> . <HMAC-SHA-256, base64url>
 *
 * signed over sandbox, port and time. It says nothing by itself, so what it is for has to be known.
 */

/** Signs leave to reach a port until `expiresAt`. */
export function signPort(key: Uint8Array, sandbox: string, port: number, expiresAt: Date): PortToken {
  const seconds = Math.floor(expiresAt.getTime() / 1000);
  const token = `${seconds.toString(36)}.${mac(key, sandbox, port, seconds).toString('base64url')}`;
  return { token, expiresAt: new Date(seconds * 1000).toISOString() };
}

/** True for a token that was signed for this port of this sandbox and still holds. */
export function isPortToken(key: Uint8Array, token: string, sandbox: string, port: number, now: Date): boolean {
  const [, until = '', signed = ''] = /^([0-9a-z]{1,9})\.([\w-]{43})$/.exec(token) ?? [];
  if (until === '') return false;
  const seconds = Number.parseInt(until, 36);
  const wanted = mac(key, sandbox, port, seconds);
  const given = Buffer.from(signed, 'base64url');
  return given.length === wanted.length && timingSafeEqual(given, wanted) && seconds * 1000 > now.getTime();
}

function mac(key: Uint8Array, sandbox: string, port: number, seconds: number): Buffer {
  return createHmac('sha256', key).update(`port ${sandbox} ${port} ${seconds}`).digest();
}
