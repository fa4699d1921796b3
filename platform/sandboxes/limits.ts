import { ThawError } from '../errors.ts';
import type { SandboxRequest } from './contract.ts';
import type { SandboxBounds } from './parts.ts';

export const DEFAULT_TTL_SECONDS = 300;
export const DEFAULT_MEMORY_MIB = 512;
export const DEFAULT_CPUS = 1;
/** Each size is a template of its own on disk, so there are few. */
const MEMORY_SIZES_MIB = [128, 256, 512, 1024, 2048, 4096, 8192, 16_384];
const LEAST_CPUS = 0.1;
const MOST_METADATA = 50;
const MOST_ENVIRONMENT = 100;
const MOST_BYTES = 32 * 1024;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @throws ThawError `invalid_input` that says the bound */
export function requireTtl(seconds: number, { maxTtlSeconds }: SandboxBounds): number {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= maxTtlSeconds) return seconds;
  throw new ThawError('invalid_input', `A sandbox cannot live for ${seconds} seconds.`, {
    hint: `ttlSeconds is a whole number from 1 to ${maxTtlSeconds}; it can be set anew while the sandbox runs.`,
  });
}

/** @throws ThawError `invalid_input` that says which sizes there are */
export function requireMemory(memoryMiB: number, { maxMemoryMiB }: SandboxBounds): number {
  const sizes = MEMORY_SIZES_MIB.filter((size) => size <= maxMemoryMiB);
  if (sizes.includes(memoryMiB)) return memoryMiB;
  throw new ThawError('invalid_input', `A sandbox cannot have ${memoryMiB} MiB of memory.`, {
    hint: `memoryMiB is one of ${sizes.join(', ')}.`,
  });
}

/** @throws ThawError `invalid_input` that says the bounds */
export function requireCpus(cpus: number, { maxCpus }: SandboxBounds): number {
  if (cpus >= LEAST_CPUS && cpus <= maxCpus) return cpus;
  throw new ThawError('invalid_input', `A sandbox cannot have ${cpus} processors.`, {
    hint: `cpus is from ${LEAST_CPUS} to ${maxCpus}; 0.5 is half of one.`,
  });
}

/** @param least what the template has: a disk does not shrink @throws ThawError `invalid_input` that says the bounds */
export function requireDisk(diskMiB: number, least: number, { maxDiskMiB }: SandboxBounds): number {
  if (Number.isInteger(diskMiB) && diskMiB >= least && diskMiB <= Math.max(least, maxDiskMiB)) return diskMiB;
  throw new ThawError('invalid_input', `A sandbox of this template cannot have a disk of ${diskMiB} MiB.`, {
    hint: `diskMiB is a whole number from ${least} to ${Math.max(least, maxDiskMiB)}.`,
  });
}

/** Checks what a caller may put into a sandbox's record. @throws ThawError `invalid_input`, without any value */
export function requireRecordable({ metadata = {}, environment = {} }: SandboxRequest): void {
  bounded('metadata', metadata, MOST_METADATA);
  bounded('environment', environment, MOST_ENVIRONMENT);
  for (const [name, value] of Object.entries(environment)) {
    if (NAME.test(name) && !value.includes('\0')) continue;
    throw new ThawError('invalid_input', `The environment cannot have ${JSON.stringify(name.slice(0, 60))}.`, {
      hint: 'A name has letters, digits and underscores and does not begin with a digit; a value holds no NUL.',
    });
  }
}

function bounded(what: string, values: Record<string, string>, most: number): void {
  const bytes = Buffer.byteLength(JSON.stringify(values));
  if (Object.keys(values).length <= most && bytes <= MOST_BYTES) return;
  throw new ThawError('invalid_input', `There is too much ${what}.`, {
    hint: `At most ${most} entries, and ${MOST_BYTES / 1024} KiB as JSON.`,
  });
}
