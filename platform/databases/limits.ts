import { ThawError } from '../errors.ts';
import type { DatabaseRequest } from './contract.ts';

export const DEFAULT_MEMORY_MIB = 512;
export const DEFAULT_DISK_MIB = 8192;
export const LEAST_DISK_MIB = 512;
const LEAST_MEMORY_MIB = 256;
const MOST_DISK_MIB = 4 * 1024 * 1024;
const MOST_IDLE_SECONDS = 7 * 86_400;
/** Leaves room in a label of a host name for a hyphen and six characters. */
const NAME = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;

/** @throws ThawError `invalid_input` that says the rule */
export function requireDatabaseName(name: string): void {
  if (NAME.test(name) && !name.includes('--')) return;
  throw new ThawError('invalid_input', `A database cannot be called ${JSON.stringify(name.slice(0, 60))}.`, {
    hint: 'A name has 1 to 40 lower-case letters (a-z), digits and hyphens, begins with a letter and does not end with a hyphen.',
  });
}

/** @throws ThawError `invalid_input` that says what is possible */
export function requireSize(
  { memoryMiB, diskMiB }: Pick<DatabaseRequest, 'memoryMiB' | 'diskMiB'>,
  mostMemory: number,
) {
  const memory = memoryMiB ?? DEFAULT_MEMORY_MIB;
  const disk = diskMiB ?? DEFAULT_DISK_MIB;
  if (!Number.isInteger(memory / 128) || memory < LEAST_MEMORY_MIB || memory > mostMemory) {
    throw new ThawError('invalid_input', `A database cannot have ${memory} MiB of memory.`, {
      hint: `It has ${LEAST_MEMORY_MIB} to ${mostMemory} MiB, in steps of 128.`,
    });
  }
  if (!Number.isInteger(disk) || disk < LEAST_DISK_MIB || disk > MOST_DISK_MIB) {
    throw new ThawError('invalid_input', `A database cannot have a disk of ${disk} MiB.`, {
      hint: `It has ${LEAST_DISK_MIB} to ${MOST_DISK_MIB} MiB.`,
    });
  }
  return { memoryMiB: memory, diskMiB: disk };
}

/** @throws ThawError `invalid_input` */
export function requireIdle(seconds: number): number {
  if (seconds >= 0 && seconds <= MOST_IDLE_SECONDS) return seconds;
  throw new ThawError('invalid_input', `An idle time of ${seconds} seconds is not possible.`, {
    hint: 'It is from 0, which is never, to a week.',
  });
}
