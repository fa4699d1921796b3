import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';

const LETTERS = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const LENGTH = 32;
/** Postgres' own number; a client pays for it at each connection. The password has 186 bits by itself. */
const ITERATIONS = 4096;
const KEY_BYTES = 32;
const SALT_BYTES = 16;

/** Characters that need no quoting in a URL, each equally likely. */
export function pick(random: (size: number) => Uint8Array, letters: string, length: number): string {
  const limit = 256 - (256 % letters.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random(length * 2)) {
      if (byte < limit && text.length < length) text += letters[byte % letters.length];
    }
  }
  return text;
}

export function newPassword(random: (size: number) => Uint8Array): string {
  return pick(random, LETTERS, LENGTH);
}

/**
 * What Postgres keeps of a password, so that it need not be told the password itself: `SCRAM-SHA-256$<iterations>:<salt>
 * $<StoredKey>:<ServerKey>` (RFC 5803; https://www.postgresql.org/docs/current/catalog-pg-authid.html).
 */
export async function scramVerifier(password: string, random: (size: number) => Uint8Array): Promise<string> {
  const salt = Buffer.from(random(SALT_BYTES));
  const salted = await promisify(pbkdf2)(password, salt, ITERATIONS, KEY_BYTES, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`;
}
