import { and, desc, eq, lt, ne } from 'drizzle-orm';
import { ThawError } from '../errors.ts';
import type { Database } from './db/open.ts';
import { branches, releases } from './db/schema.ts';

/** Where to go back: a branch, and the number of a release when it was named. */
interface From {
  app: string;
  appId: string;
  branch: string;
  release: number | undefined;
}

/**
 * The deployment of the release that was named, or of the newest release before the current one that had another
 * deployment.
 *
 * @throws ThawError `not_found` when there is none, `conflict` when it is in front already
 */
export async function deploymentToGoBackTo(tx: Database, { app, appId, branch, release }: From): Promise<string> {
  const hint = `See \`thaw releases ${app}\` for what was released.`;
  const [head] = await tx
    .select({ deployment: branches.deploymentId, number: branches.releases })
    .from(branches)
    .where(and(eq(branches.appId, appId), eq(branches.name, branch)));
  const current = head?.deployment ?? undefined;
  if (head === undefined || current === undefined) {
    throw new ThawError('not_found', `${app} has no earlier deployment on ${branch}: nothing is in front of it.`, {
      hint,
    });
  }
  const ofBranch = and(eq(releases.appId, appId), eq(releases.branch, branch));
  const before = and(lt(releases.number, head.number), ne(releases.deploymentId, current));
  const [found] = await tx
    .select({ deployment: releases.deploymentId })
    .from(releases)
    .where(and(ofBranch, release === undefined ? before : eq(releases.number, release)))
    .orderBy(desc(releases.number))
    .limit(1);
  if (found === undefined) {
    const what = release === undefined ? 'no earlier deployment' : `no release ${release}`;
    throw new ThawError('not_found', `${app} has ${what} on ${branch} to go back to.`, { hint });
  }
  if (found.deployment !== current) return found.deployment;
  throw new ThawError('conflict', `The deployment of release ${release} is in front of ${branch} already.`, { hint });
}
