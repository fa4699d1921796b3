import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomId } from '../ids.ts';
import type { SlotKind } from './addresses.ts';

/**
 * Who has which slot on this machine. Several servers, each with its own data
 * directory, share the 16,384 indexes: an index is claimed by making its file,
 * which only one can do. The directory is on a file system that is empty after
 * a boot, as namespaces are.
 */
export const CLAIMS_DIRECTORY = '/run/thaw/slots';

export interface Claim {
  index: number;
  kind: SlotKind;
  /** Data directory of the server that has it. */
  owner: string;
}

/** Claims an index. False when another server, or this one, has it already. */
export async function claim({ index, kind, owner }: Claim): Promise<boolean> {
  await mkdir(CLAIMS_DIRECTORY, { recursive: true, mode: 0o700 });
  // Whole from the first moment: a claim without an owner would be taken for one that nobody needs.
  const beside = join(CLAIMS_DIRECTORY, `.${randomId('', 8)}`);
  await writeFile(beside, JSON.stringify({ kind, owner }), { mode: 0o600 });
  try {
    await link(beside, join(CLAIMS_DIRECTORY, String(index)));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(beside, { force: true });
  }
}

export async function unclaim(index: number): Promise<void> {
  await rm(join(CLAIMS_DIRECTORY, String(index)), { force: true });
}

/** Every claim on this machine. One whose file is unreadable, cut short by a crash, has an empty owner. */
export async function allClaims(): Promise<Claim[]> {
  const names = await readdir(CLAIMS_DIRECTORY).catch(() => []);
  return Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        const text = await readFile(join(CLAIMS_DIRECTORY, name), 'utf8').catch(() => '');
        try {
          const { kind, owner } = JSON.parse(text) as { kind: SlotKind; owner: string };
          return { index: Number(name), kind, owner };
        } catch {
          return { index: Number(name), kind: 'closed' as const, owner: '' };
        }
      }),
  );
}
