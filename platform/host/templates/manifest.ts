import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { RuntimeName, Shape } from '../contract.ts';
import type { ImageSet, RuntimeImage } from '../parts.ts';
import type { VmmIdentity } from '../vmm/contract.ts';

/** Everything that saved device state can be loaded by; where one differs the template is stale. */
export interface Dependencies {
  vmm: string;
  accelerator: string;
  cpu: string;
  machine: string;
  kernel: string;
  image: string;
  agent: string;
}

const dependencies = z.object({
  vmm: z.string(),
  accelerator: z.string(),
  cpu: z.string(),
  machine: z.string(),
  kernel: z.string(),
  image: z.string(),
  agent: z.string(),
});

/** `manifest.json` of a template: written last, so a template without one is none. */
export const manifestSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^t_[a-z2-7]{16}$/),
  runtime: z.enum(['base', 'node', 'python', 'builder', 'code-interpreter', 'postgres']),
  shape: z.object({ memoryMiB: z.number(), vcpus: z.number() }),
  labels: z.record(z.string(), z.string()),
  createdAt: z.string(),
  dependsOn: dependencies,
  /** Templates whose disks this one's stands on, nearest first; beneath them is the image. */
  parents: z.array(z.string()),
  /** Size of the disk as the guest sees it. */
  diskBytes: z.number(),
  state: z.object({ bytes: z.number(), sha256: z.string() }),
  memory: z.object({ bytes: z.number() }),
  disk: z.object({ bytes: z.number() }),
  /** Disks that were in the VM, mounted; each VM thawed from it gets copies of its own. Absent = none. */
  data: z
    .array(
      z.object({
        path: z.string(),
        readOnly: z.boolean(),
        owner: z.enum(['app', 'user', 'root']),
        sizeBytes: z.number(),
      }),
    )
    .exactOptional(),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** File names inside a template's directory. */
export const TEMPLATE_FILES = {
  manifest: 'manifest.json',
  state: 'state',
  memory: 'memory',
  disk: 'disk.qcow2',
} as const;

/** File name of the copy of one of its disks. */
export function dataFile(index: number): string {
  return `data-${index}`;
}

/** File names of the copies of all its disks. */
export function dataFiles({ data = [] }: Pick<Manifest, 'data'>): string[] {
  return data.map((_, index) => dataFile(index));
}

/** What a template made now, for this runtime, would depend on. */
export function dependenciesNow(identity: VmmIdentity, set: ImageSet, runtime: RuntimeName): Dependencies {
  return {
    ...identity,
    kernel: `${set.kernel.release} ${set.initramfs.hash} ${set.kernel.commandLine}`,
    image: imageKey(set.images[runtime]),
    agent: set.agent.hash,
  };
}

function imageKey(image: RuntimeImage | undefined): string {
  if (image === undefined) return 'missing';
  return `${image.hash} ${image.built} ${createHash('sha256').update(JSON.stringify(image.warm)).digest('hex').slice(0, 8)}`;
}

/** Names of the dependencies that differ, e.g. `['vmm', 'accelerator']`. */
export function differences(made: Dependencies, now: Dependencies): string[] {
  return (Object.keys(now) as (keyof Dependencies)[]).filter((name) => made[name] !== now[name]);
}

/** True when two VMs have the same size. */
export function sameShape(one: Shape, other: Shape): boolean {
  return one.memoryMiB === other.memoryMiB && one.vcpus === other.vcpus;
}
