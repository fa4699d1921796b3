import type { Control, EnvironmentTarget } from './control/contract.ts';
import type { DatabaseUrls } from './databases/contract.ts';
import { ThawError } from './errors.ts';

/** How an app finds its database. */
export function databaseValues({ guestUrl, guestDirectUrl }: DatabaseUrls): Record<string, string> {
  return { DATABASE_URL: guestUrl, DATABASE_URL_DIRECT: guestDirectUrl };
}

/** Removes values of a target as far as they still are these: what somebody set instead stays. */
export async function removeValues(
  { environment }: Pick<Control, 'environment'>,
  app: string,
  target: EnvironmentTarget,
  values: Record<string, string>,
): Promise<void> {
  try {
    const now = await environment.values(app, target);
    const ours = Object.keys(values).filter((name) => now[name] === values[name]);
    if (ours.length > 0) await environment.change(app, target, Object.fromEntries(ours.map((name) => [name, null])));
  } catch (error) {
    // An app that is gone has no values.
    if (!(error instanceof ThawError && error.code === 'not_found')) throw error;
  }
}
