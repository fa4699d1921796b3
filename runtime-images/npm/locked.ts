import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ThawError } from '../../platform/errors.ts';

const lockfile = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), integrity: z.string().optional() })),
});

/**
 * The version and checksum of a package as this project's own lockfile has them,
 * so that host and guests use the same one.
 *
 * @throws ThawError `misconfigured` when the lockfile does not name it
 */
export function lockedPackage(name: string): { version: string; integrity: string } {
  const text = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8');
  const { version, integrity } = lockfile.parse(JSON.parse(text)).packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined) {
    throw new ThawError('misconfigured', `package-lock.json does not name ${name}.`);
  }
  return { version, integrity };
}
