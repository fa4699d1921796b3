import { type App, PRODUCTION_BRANCH, type ReleaseReason } from '../../platform/control/contract.ts';
import { releaseOf } from '../deploy.ts';
import { discard } from '../prepare.ts';
import type { PushParts } from './push.ts';

/** Why something is released that was in front of its branch before. */
const AGAIN: ReadonlySet<ReleaseReason> = new Set(['environment', 'rollback']);
const INTERRUPTED = 'The server ended before git had taken the push.';

/**
 * Brings refs, deployments and releases together after the server ended at any instant. Where a push stood shows in
 * what is there: a ref that moved is a push that git has acknowledged, so its deployment is released; a ready deployment
 * that was never released and that no ref names is one that git never took.
 */
export async function reconcile(parts: PushParts, signal?: AbortSignal): Promise<void> {
  const { control, host, log, repositories } = parts;
  const apps = await control.apps.list(null);
  const failed = await control.deployments.failInterrupted();
  for (const id of failed) await control.artifacts.remove(id);
  const refs = new Refs(parts, apps, new Set(await repositories.list()));
  await settleUnreleased(parts, refs, signal);
  await followDeletions(parts, refs, signal);
  const known = new Set(apps.map(({ id }) => id));
  for (const id of await repositories.list()) if (!known.has(id)) await repositories.remove(id);
  const used = await control.deployments.templatesInUse();
  for (const { id, labels } of await host.templates()) {
    if (labels.deployment !== undefined && !used.has(id)) await host.removeTemplate(id);
  }
  log.info({ apps: apps.length, interrupted: failed.length }, 'refs, deployments and releases agree');
}

/** The branches of each app's repository, read when they are asked for. */
class Refs {
  readonly #repositories: PushParts['repositories'];
  readonly #ids: Map<string, string>;
  readonly #known = new Map<string, Promise<Map<string, string>>>();

  /** @param there ids of the apps that have a repository */
  constructor({ repositories }: PushParts, apps: App[], there: Set<string>) {
    this.#repositories = repositories;
    this.#ids = new Map(apps.filter(({ id }) => there.has(id)).map(({ id, name }) => [name, id]));
  }

  /** The commit of each branch; undefined for an app without a repository. */
  async of(app: string): Promise<Map<string, string> | undefined> {
    const id = this.#ids.get(app);
    if (id === undefined) return undefined;
    const known = this.#known.get(app) ?? this.#repositories.branches(id);
    this.#known.set(app, known);
    return known;
  }
}

/** Newest first: only the newest of a branch and commit can be the push that was interrupted. */
async function settleUnreleased(parts: PushParts, refs: Refs, signal?: AbortSignal): Promise<void> {
  const settled = new Set<string>();
  for (const deployment of await parts.control.deployments.unreleased()) {
    signal?.throwIfAborted();
    const { id, app, branch, commit } = deployment;
    const place = `${app} ${branch}`;
    const first = !settled.has(place);
    settled.add(place);
    const settling =
      first && (await refs.of(app))?.get(branch) === commit
        ? releaseOf(parts, deployment, 'push')
        : discard(parts, deployment, INTERRUPTED);
    await settling.catch((error: unknown) => parts.log.error({ deployment: id, err: error }, 'deployment not settled'));
  }
}

/** Ends previews whose branch git has deleted without anybody hearing of it. */
async function followDeletions({ control }: PushParts, refs: Refs, signal?: AbortSignal): Promise<void> {
  for (const { app, branch } of await control.releases.inFront(null)) {
    if (branch === PRODUCTION_BRANCH) continue;
    signal?.throwIfAborted();
    const branches = await refs.of(app);
    if (branches === undefined || branches.has(branch)) continue;
    // What was uploaded or promoted never had a branch in git; what was baked or put in front again came in as the one before.
    const all = await control.releases.list(app);
    const first = all.find((one) => one.branch === branch && !AGAIN.has(one.reason));
    if (first?.reason === 'push') await control.releases.endBranch(app, branch);
  }
}
