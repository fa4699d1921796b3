import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D, 8.2.2: random ones of 96 bits. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Whose backups a note is about, and the key of their repository. */
export interface NoteOwner {
  id: string;
  backupKey: string;
}

const envelope = z.object({ nonce: z.base64(), tag: z.base64(), sealed: z.base64() });

/** A note as it lies beside a repository: encrypted too, for it tells when a database was used and how large it is. */
export function sealNote(owner: NoteOwner, note: unknown): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(owner), nonce);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(note), 'utf8'), cipher.final()]);
  const parts = { nonce, tag: cipher.getAuthTag(), sealed };
  return JSON.stringify(
    Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.toString('base64')])),
  );
}

/** What `sealNote` made. @returns undefined for what this key did not seal */
export function openNote(owner: NoteOwner, text: string): unknown {
  try {
    const read: unknown = JSON.parse(text);
    const { success, data } = envelope.safeParse(read);
    // Notes of earlier servers lie open.
    if (!success) return read;
    const decipher = createDecipheriv(CIPHER, keyOf(owner), bytes(data.nonce), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes(data.tag));
    const opened = Buffer.concat([decipher.update(bytes(data.sealed)), decipher.final()]);
    return JSON.parse(opened.toString('utf8'));
  } catch {
    return undefined;
  }
}

function bytes(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}

function keyOf({ id, backupKey }: NoteOwner): Buffer {
  return Buffer.from(hkdfSync('sha256', backupKey, id, 'thaw note', KEY_BYTES));
}
