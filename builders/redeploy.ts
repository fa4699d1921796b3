import type { App } from '../platform/control/contract.ts';
import { ThawError } from '../platform/errors.ts';
import type { Deployed, Report } from './contract.ts';
import { ANOTHER_IS_RUNNING, releaseOf } from './deploy.ts';
import type { PipelineParts } from './parts.ts';
import { isReady, prepareAgain } from './prepare.ts';

/**
 * Bakes what is in front of a branch again, with the environment of now, and releases it: nothing is built.
 *
 * @throws ThawError `conflict` when nothing is in front of the branch, or as a deployment does
 */
export async function redeploy(
  parts: PipelineParts,
  { app, branch }: { app: App; branch: string },
  report: Report,
  signal?: AbortSignal,
): Promise<Deployed> {
  const { control, lock, url } = parts;
  using turn = await lock.acquire(app.id, () => report(ANOTHER_IS_RUNNING), signal);
  const current = await control.releases.current(app.name, branch);
  const from = current && (await control.deployments.get(current.deployment));
  if (from === undefined || !isReady(from)) {
    throw new ThawError('conflict', `Nothing is in front of ${branch} yet.`, {
      hint: 'What was set is there for its first push.',
    });
  }
  const deployment = await prepareAgain(parts, { app, from, branch }, report, turn.signal);
  const release = await releaseOf(parts, deployment, 'environment');
  return { app, deployment, release, url: url(app.name, branch) };
}
