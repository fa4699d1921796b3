import { isDeepStrictEqual } from 'node:util';
import {
  type App,
  type Control,
  type EnvironmentTarget,
  PRODUCTION_BRANCH,
  type Release,
} from '../control/contract.ts';
import { ThawError, toThawError } from '../errors.ts';
import type { ApiParts, Deployed } from './parts.ts';

/**
 * Bakes and releases again what is in front of the branches that an environment target means, as far as the values of
 * now are others than it was baked with. Branches come one after the other; one that fails does not keep the others.
 *
 * @param also branches whose values the deployment itself will change
 *
 * @throws ThawError the first failure; what is in front of that branch stays as it was
 */
export async function redeployStale(
  { control, redeploy }: Pick<ApiParts, 'control' | 'redeploy'>,
  { app, target, also = [] }: { app: App; target: EnvironmentTarget; also?: readonly string[] },
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<Deployed[]> {
  const deployed: Deployed[] = [];
  const failures: unknown[] = [];
  const releases = (await control.releases.inFront(app.name)).filter(({ branch }) => concerns(target, branch));
  if (releases.length === 0) report('Nothing is released there yet: the next deployment gets the values.');
  for (const release of releases) {
    signal.throwIfAborted();
    if (!also.includes(release.branch) && !(await isStale(control, release))) {
      report(`${release.branch} has these values already.`);
      continue;
    }
    report(`Baking ${release.branch} again with the new values`);
    try {
      deployed.push(await redeploy({ app, branch: release.branch }, report, signal));
    } catch (error) {
      report(`The values are kept; what is in front of ${release.branch} stays as it was.`);
      if (signal.aborted || releases.length === 1) throw error;
      report(`${release.branch} could not be baked again: ${toThawError(error).message}`);
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return deployed;
}

function concerns(target: EnvironmentTarget, branch: string): boolean {
  if (typeof target === 'object') return target.branch === branch;
  return (target === 'production') === (branch === PRODUCTION_BRANCH);
}

async function isStale({ deployments, environment }: Control, { app, branch, deployment }: Release): Promise<boolean> {
  try {
    return !isDeepStrictEqual(await deployments.environment(deployment), await environment.of(app, branch));
  } catch (error) {
    // It was encrypted with a key that is lost: whatever it was baked with, it is not known to be the same.
    if (error instanceof ThawError && error.code === 'misconfigured') return true;
    throw error;
  }
}
