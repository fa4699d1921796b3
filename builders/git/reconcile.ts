import type { App, Deployment } from '../../platform/control/contract.ts';
import { releaseOf } from '../deploy.ts';
import { discard } from '../prepare.ts';
import type { PushParts } from './push.ts';

const INTERRUPTED = 'The server ended before git had taken the push.';

/**
 * Brings refs, deployments and releases together after the server ended at any instant. Where a push stood shows in
 * what is there: a ref that moved is a push that git has acknowledged, so its deployment is released; a ready deployment
 * that was never released and that no ref names is one that git never took.
 */
export async function reconcile(parts: PushParts, signal?: AbortSignal): Promise<void> {
  const { control, host, log, repositories } = parts;
  const apps = await control.apps.list(null);
  const building = new Map<string, Deployment[]>();
  for (const app of apps) {
    building.set(
      app.id,
      (await control.deployments.list(app.name)).filter(({ status }) => status === 'building'),
    );
  }
  const failed = await control.deployments.failInterrupted();
  for (const { id } of [...building.values()].flat()) await control.artifacts.remove(id);
  for (const app of apps) {
    signal?.throwIfAborted();
    await followRefs(parts, app);
  }
  const known = new Set(apps.map(({ id }) => id));
  for (const id of await repositories.list()) if (!known.has(id)) await repositories.remove(id);
  const used = await control.deployments.templatesInUse();
  for (const { id, labels } of await host.templates()) {
    if (labels.deployment !== undefined && !used.has(id)) await host.removeTemplate(id);
  }
  log.info({ apps: apps.length, interrupted: failed }, 'refs, deployments and releases agree');
}

async function followRefs(parts: PushParts, app: App): Promise<void> {
  const { control, log, repositories } = parts;
  const has = (await repositories.list()).includes(app.id);
  const branches = has ? await repositories.branches(app.id) : new Map<string, string>();
  const releases = await control.releases.list(app.name);
  const released = new Set(releases.map(({ deployment }) => deployment));
  const settled = new Set<string>();
  // Newest first: only the newest of a branch and commit can be the push that was interrupted.
  for (const deployment of await control.deployments.list(app.name)) {
    const { id, branch, commit, status } = deployment;
    if (status !== 'ready' || commit === null || released.has(id)) continue;
    const first = !settled.has(branch);
    settled.add(branch);
    const settling =
      first && branches.get(branch) === commit
        ? releaseOf(parts, deployment, 'push')
        : discard(parts, deployment, INTERRUPTED);
    await settling.catch((error: unknown) => log.error({ deployment: id, err: error }, 'deployment not settled'));
  }
  // A deletion that git has made and nobody heard of.
  for (const branch of new Set(releases.map((release) => release.branch))) {
    const byPush = releases.find((release) => release.branch === branch)?.reason === 'push';
    if (has && byPush && !branches.has(branch)) await control.releases.endBranch(app.name, branch);
  }
}
