import { ThawError } from '../errors.ts';
import type { RuntimeName } from '../host/contract.ts';

/** The image of each major version of PostgreSQL that there is one for: those that Debian's release has, newest first. */
const IMAGES = new Map<number, RuntimeName>([[17, 'postgres']]);

/** @throws ThawError `invalid_input` that tells which there are */
export function requireVersion(version: number | undefined): number {
  const [newest = 0] = IMAGES.keys();
  if (version === undefined || IMAGES.has(version)) return version ?? newest;
  throw new ThawError('invalid_input', `There is no PostgreSQL ${version} here.`, {
    hint: `Debian's packages, which databases are made of, have ${[...IMAGES.keys()].join(', ')}.`,
  });
}

/** The image that a database runs in. @throws ThawError `misconfigured` for a version that an earlier release of Thaw had */
export function imageOf({ version }: { version: number }): RuntimeName {
  const image = IMAGES.get(version);
  if (image !== undefined) return image;
  throw new ThawError('misconfigured', `This release of Thaw does not run PostgreSQL ${version} any more.`, {
    hint: 'Run it with the release before, export the database, and import it into a new one.',
  });
}
