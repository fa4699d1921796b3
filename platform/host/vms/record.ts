import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SLOT_KINDS } from '../network/addresses.ts';

/**
 * `vm.json` of a VM's directory: what a later server needs to take the VM back.
 * Written before the VMM starts; the process itself is found by its name.
 */
const recordSchema = z.object({
  id: z.string(),
  template: z.string(),
  runtime: z.enum(['base', 'node', 'python', 'builder', 'code-interpreter', 'postgres']),
  parents: z.array(z.string()),
  shape: z.object({ memoryMiB: z.number(), vcpus: z.number() }),
  slot: z.object({ index: z.number(), kind: z.enum(SLOT_KINDS) }),
  labels: z.record(z.string(), z.string()),
  memory: z.enum(['clone', 'own']),
  egress: z.union([
    z.object({ mode: z.enum(['none', 'public']) }),
    z.object({ mode: z.literal('hosts'), hosts: z.array(z.string()), operator: z.literal(true).exactOptional() }),
    z.object({ mode: z.literal('rules'), allow: z.array(z.string()) }),
  ]),
  cpus: z.number().exactOptional(),
  tasksMax: z.number().exactOptional(),
  disks: z
    .array(
      z.object({
        disk: z.string(),
        path: z.string(),
        readOnly: z.boolean(),
        owner: z.enum(['app', 'user', 'root']),
        /** As the guest knows it. */
        sizeBytes: z.number(),
        /** Of the disk, when this VM last began to run. */
        generation: z.number(),
      }),
    )
    .exactOptional(),
  startedAt: z.string(),
  phases: z.record(z.string(), z.number()),
  /** What tells it from its siblings; kept when it wakes. */
  identity: z.object({ machineId: z.string(), bootId: z.string() }),
  /**
   * Set while it sleeps: the boot of the host at which it fell asleep. Memory is not synced then, so after another boot
   * the snapshot is void.
   */
  asleepSince: z.object({ hostBoot: z.string(), at: z.string() }).exactOptional(),
  /** True while its processors are stopped because somebody asked for it. */
  paused: z.boolean(),
  /**
   * False until the VM has an identity of its own, and from when its freeze begins: one that was interrupted there is
   * not taken back.
   */
  ready: z.boolean(),
});

export type VmRecord = z.infer<typeof recordSchema>;

const FILE = 'vm.json';

/** Makes the VM's directory and its record. */
export async function createRecord(directory: string, record: VmRecord): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, FILE), JSON.stringify(record), { mode: 0o600 });
}

/** Writes the record of a VM anew, in one step: a reader finds the old one or this one. */
export async function updateRecord(directory: string, record: VmRecord): Promise<void> {
  const beside = join(directory, `${FILE}.new`);
  await writeFile(beside, JSON.stringify(record), { mode: 0o600 });
  await rename(beside, join(directory, FILE));
}

/** The record, or undefined when there is none that can be read. */
export async function readRecord(directory: string): Promise<VmRecord | undefined> {
  const text = await readFile(join(directory, FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
