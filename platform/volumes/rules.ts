import { posix } from 'node:path';
import { ThawError } from '../errors.ts';

const LEAST_MIB = 16;
const LONGEST_PATH = 200;
/** Where the system and the platform have their own files; as in `thaw.toml`. */
const SYSTEM =
  /^\/(app|bin|boot|dev|etc|lib|lib64|opt\/thaw|proc|root|run|sbin|sys|tmp|usr|var)?$|^\/(bin|boot|dev|etc|lib|lib64|proc|run|sbin|sys|usr)\//;

/** @throws ThawError `invalid_input` that says the bounds */
export function requireSize(sizeMiB: number, mostMiB: number): void {
  if (Number.isInteger(sizeMiB) && sizeMiB >= LEAST_MIB && sizeMiB <= mostMiB) return;
  throw new ThawError('invalid_input', `A volume cannot have ${sizeMiB} MiB.`, {
    hint: `A volume has ${LEAST_MIB} to ${mostMiB} MiB, in whole ones.`,
  });
}

/** @throws ThawError `invalid_input` for a path at which no volume may be mounted */
export function requirePath(path: string): void {
  const plain = posix.isAbsolute(path) && posix.normalize(path) === path && !path.endsWith('/') && !path.includes('\0');
  if (plain && path.length <= LONGEST_PATH && !SYSTEM.test(path)) return;
  throw new ThawError('invalid_input', 'A volume cannot be mounted there.', {
    hint: "Choose an absolute path that is not the system's own, such as /data or /app/uploads.",
  });
}
