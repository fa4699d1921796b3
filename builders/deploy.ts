import { type Deployment, PRODUCTION_BRANCH, type Release } from '../platform/control/contract.ts';
import { ThawError } from '../platform/errors.ts';
import type { BuildParts, Deployed, DeployRequest, Handover, Report } from './contract.ts';
import { handOver } from './hand-over.ts';
import type { PipelineParts } from './parts.ts';
import { prepare } from './prepare.ts';

/** Told to who deploys to an app that is being deployed to. */
export const ANOTHER_IS_RUNNING = 'Another push to this app is running; waiting...';

/**
 * Builds an uploaded tree and releases it, in turn with the pushes to the same app.
 *
 * @throws ThawError as `Builders.deploy`
 */
export async function deploy(
  parts: PipelineParts,
  request: DeployRequest,
  report: Report,
  signal?: AbortSignal,
): Promise<Deployed> {
  const { control, lock, url } = parts;
  const { branch, commit, source, principal } = request;
  if (!principal.scopes.includes('deploy')) {
    throw new ThawError('forbidden', 'This key may not deploy.', { hint: 'Use a key with the scope `deploy`.' });
  }
  const app = await control.apps.ensure(request.app, principal);
  using turn = await lock.acquire(app.id, () => report(ANOTHER_IS_RUNNING), signal);
  try {
    const deployment = await prepare(parts, { app, branch, commit, source: () => source }, report, turn.signal);
    const release = await releaseOf(parts, deployment, 'deploy');
    return { app: await control.apps.get(app.name, null), deployment, release, url: url(app.name, branch) };
  } catch (error) {
    await parts.previews?.settle(app, branch);
    throw error;
  }
}

/**
 * Puts a ready deployment in front of its branch.
 *
 * @param begun when it has taken over already
 */
export async function releaseOf(
  parts: BuildParts,
  deployment: Deployment,
  reason: 'push' | 'deploy' | 'environment',
  begun?: Handover,
): Promise<Release> {
  const { control, log } = parts;
  const { app, branch, id } = deployment;
  await using handover = begun ?? (await handOver(parts, deployment));
  const release = await control.releases.create({ app, branch, deployment: id, reason });
  await handover?.done();
  log.info({ app, branch, deployment: id, release: release.number, preview: branch !== PRODUCTION_BRANCH }, 'released');
  return release;
}
