import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** `disk.json` in a disk's directory, beside `disk.raw`. Written last, so a directory without one is no disk. */
const recordSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^v_[a-z2-7]{16}$/),
  sizeBytes: z.number(),
  labels: z.record(z.string(), z.string()),
  createdAt: z.string(),
  /** The VM that has it. Written before the VMM starts, cleared when its process is gone. */
  holder: z.string().nullable(),
  /** Raised each time a VM that may write to it starts to run: a snapshot of an earlier one is void. */
  generation: z.number(),
});

export type DiskRecord = z.infer<typeof recordSchema>;

export const DISK_FILES = { record: 'disk.json', image: 'disk.raw' } as const;

/** Writes the record so that it is there whole or as it was before, also after a power cut. */
export async function writeDiskRecord(directory: string, record: DiskRecord): Promise<void> {
  const path = join(directory, DISK_FILES.record);
  const beside = `${path}.new`;
  {
    await using file = await open(beside, 'w', 0o600);
    await file.writeFile(JSON.stringify(record));
    await file.sync();
  }
  await rename(beside, path);
  await syncDirectory(directory);
}

/** @throws when there is none that can be read */
export async function readDiskRecord(directory: string): Promise<DiskRecord> {
  return recordSchema.parse(JSON.parse(await readFile(join(directory, DISK_FILES.record), 'utf8')));
}

export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
