import { createCipheriv, createDecipheriv } from 'node:crypto';
import { ThawError } from '../errors.ts';
import type { Random } from './ids.ts';

const ALGORITHM = 'aes-256-gcm';
/** NIST SP 800-38D, section 5.2.1.1: 96 bits is the length that needs no further hashing. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What a value belongs to. It is part of what is authenticated, so a value that is moved to another place does not open. */
export interface Place {
  appId: string;
  name: string;
}

/** Encrypts environment values for the database. */
export interface Seal {
  seal(value: string, place: Place): string;
  /** @throws ThawError `misconfigured` when it was sealed with another key or for another place, or was changed */
  open(sealed: string, place: Place): string;
}

/**
 * Seals with AES-256-GCM: base64 of a random nonce (12 bytes), the tag (16 bytes) and the encrypted text.
 *
 * @param key 32 bytes
 */
export function createSeal(key: Uint8Array, random: Random): Seal {
  return {
    seal(value, place) {
      const nonce = random(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(placeBytes(place));
      const encrypted = [cipher.update(value, 'utf8'), cipher.final()];
      return Buffer.concat([nonce, cipher.getAuthTag(), ...encrypted]).toString('base64');
    },

    open(sealed, place) {
      const bytes = Buffer.from(sealed, 'base64');
      try {
        const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
        decipher.setAAD(placeBytes(place));
        decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
        const text = [decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()];
        return Buffer.concat(text).toString('utf8');
      } catch (cause) {
        throw new ThawError('misconfigured', `The environment value ${place.name} cannot be decrypted.`, {
          hint: 'The server has another environment.key than the one it was set with; bring that back, or set the value anew.',
          cause,
        });
      }
    },
  };
}

function placeBytes({ appId, name }: Place): Uint8Array {
  return Buffer.from(JSON.stringify([appId, name]));
}
