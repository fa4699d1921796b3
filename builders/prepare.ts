import { isDeepStrictEqual } from 'node:util';
import type { App, Deployment, RunSpec } from '../platform/control/contract.ts';
import { type ErrorCode, ThawError } from '../platform/errors.ts';
import { bake } from './bake.ts';
import { type Built, build } from './build.ts';
import type { BuildParts, Report } from './contract.ts';
import { outcomeOf } from './failure.ts';
import type { PipelineParts } from './parts.ts';
import { runReleaseCommand } from './release-command.ts';
import { masked, masker } from './secrets.ts';

export interface PrepareRequest {
  app: App;
  branch: string;
  /** 40 hex digits; null for an upload. */
  commit: string | null;
  /** Opens the tree as a tar stream. Called at most once. */
  source(): AsyncIterable<Uint8Array>;
}

/**
 * Makes a deployment ready: builds, bakes, runs its release command, records. When it fails, what is left is the deployment
 * with its reason.
 *
 * @throws ThawError
 */
export function prepare(
  parts: PipelineParts,
  request: PrepareRequest,
  report: Report,
  signal?: AbortSignal,
): Promise<Deployment> {
  const { control } = parts;
  const { app, branch, commit } = request;
  return deploying(parts, { app, branch, commit }, report, signal, async (begun, tell, both) => {
    const twin = await sameCommit(parts, begun);
    if (twin === undefined) {
      const environment = await control.deployments.environment(begun.id);
      return build(parts, { app, deployment: begun.id, source: request.source(), environment }, tell, both);
    }
    report(`This commit is built already (deployment ${twin.id})`);
    await control.artifacts.put(begun.id, control.artifacts.get(twin.id));
    return twin;
  });
}

/**
 * Makes a deployment of what another one was built to, with the environment of now: baked, not built.
 *
 * @throws ThawError
 */
export function prepareAgain(
  parts: PipelineParts,
  { app, from, branch }: { app: App; from: Ready; branch: string },
  report: Report,
  signal?: AbortSignal,
): Promise<Deployment> {
  const { control } = parts;
  return deploying(parts, { app, branch, commit: from.commit }, report, signal, async (begun) => {
    await control.artifacts.put(begun.id, control.artifacts.get(from.id));
    return { ...from, template: null };
  });
}

/** A deployment that was built. */
export type Ready = Deployment & Pick<Built, 'kind' | 'run'>;

/** Whether a deployment was built, and can be baked. */
export function isReady(deployment: Deployment): deployment is Ready {
  return deployment.status === 'ready' && deployment.kind !== null && deployment.run !== null;
}

/**
 * @param make puts the artifact of the deployment that has begun in its place, and tells what it is; with a template when it
 *   is baked already
 */
async function deploying(
  parts: PipelineParts,
  { app, branch, commit }: Omit<PrepareRequest, 'source'>,
  report: Report,
  signal: AbortSignal | undefined,
  make: (begun: Deployment, tell: Report, signal: AbortSignal) => Promise<Built & { template?: string | null }>,
): Promise<Deployment> {
  const { control, host, log, queue, settings } = parts;
  await control.builds.requireRoom(app.project, () => parts.diskUse(app.project));
  await parts.previews?.begin(app, branch, report, signal ?? new AbortController().signal);
  const begun = await control.deployments.begin({ app: app.name, branch, commit });
  const limit = { signal: new AbortController().signal, ms: settings.buildTimeoutMs };
  const made: { template?: string } = {};
  const came = performance.now();
  let result: 'ready' | ErrorCode = 'ready';
  let began: number | undefined;
  const mask = masker(Object.values(await control.deployments.environment(begun.id)));
  const tell = masked(report, mask);
  try {
    using _place = await queue.enter(signal, (ahead) => report(waiting(ahead)));
    limit.signal = AbortSignal.timeout(limit.ms);
    const both = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal;
    const started = performance.now();
    began = started;
    const built = await make(begun, tell, both);
    const { kind, scaling, crons } = built;
    const run = await withVolumes(parts, { app, branch }, built.run);
    const template = isDeepStrictEqual(run.mounts, built.run.mounts) ? built.template : null;
    if (template) return await control.deployments.ready(begun.id, { kind, template, run, scaling, crons });
    const order = await bakeRequest(parts, { ...begun, kind, run });
    made.template = await bake(parts, order, tell, both);
    await runReleaseCommand(parts, { ...order, template: made.template }, tell, both);
    report(`Frozen after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return await control.deployments.ready(begun.id, { kind, template: made.template, run, scaling, crons });
  } catch (error) {
    const outcome = shown(outcomeOf(error, limit, signal), mask);
    result = outcome.code;
    log.info({ app: app.name, deployment: begun.id, code: outcome.code, err: outcome.cause }, 'deployment failed');
    await control.deployments.fail(begun.id, outcome.message).catch(unlessGone);
    await control.artifacts.remove(begun.id);
    if (made.template !== undefined) await host.removeTemplate(made.template);
    throw outcome;
  } finally {
    parts.built?.({ outcome: result, ms: performance.now() - came });
    if (began !== undefined) {
      const seconds = (performance.now() - began) / 1000;
      await control.builds
        .record(app.project, seconds)
        .catch((err: unknown) => log.warn({ err }, 'a build was not counted'));
    }
  }
}

/** A run with the volumes that it gets now. @throws ThawError when it cannot have one of them */
async function withVolumes(
  { mounts: find }: PipelineParts,
  { app, branch }: { app: App; branch: string },
  { mounts: before = [], ...run }: RunSpec,
): Promise<RunSpec> {
  const mounts =
    (await find?.(
      app,
      branch,
      before.filter(({ attached }) => attached === undefined),
    )) ?? [];
  return mounts.length === 0 ? run : { ...run, mounts };
}

/** A deployment whose app was removed meanwhile is gone, and needs no reason any more. */
function unlessGone(error: unknown): void {
  if (!(error instanceof ThawError) || error.code !== 'not_found') throw error;
}

/** An error as its reader may see it. */
function shown(error: ThawError, mask: (text: string) => string): ThawError {
  const { code, message, hint, cause } = error;
  if (mask(message) === message) return error;
  return new ThawError(code, mask(message), { ...(hint === undefined ? {} : { hint }), cause });
}

/** What it takes to bake a deployment's kept artifact. */
export async function bakeRequest({ control, url }: BuildParts, deployment: Deployment & Pick<Built, 'kind' | 'run'>) {
  const { id, app, branch, kind, run } = deployment;
  return {
    app,
    deployment: id,
    kind,
    run,
    environment: await control.deployments.environment(id),
    artifact: control.artifacts.get(id),
    hostHeader: new URL(url(app, branch)).host,
  };
}

/**
 * Takes back a deployment that became ready but was never released.
 *
 * @param reason for the person who pushed
 */
export async function discard({ control, host }: BuildParts, deployment: Deployment, reason: string): Promise<void> {
  await control.deployments.fail(deployment.id, reason);
  await control.artifacts.remove(deployment.id);
  const { template } = deployment;
  if (template !== null && !(await control.deployments.templatesInUse()).has(template))
    await host.removeTemplate(template);
}

/** A ready deployment of the same commit; with its template when that is still here and has the same environment. */
async function sameCommit({ control, host }: PipelineParts, begun: Deployment): Promise<Ready | undefined> {
  if (begun.commit === null) return undefined;
  const templates = new Set((await host.templates()).map(({ id }) => id));
  const environment = await control.deployments.environment(begun.id);
  let built: Ready | undefined;
  for (const other of await control.deployments.list(begun.app)) {
    if (other.commit !== begun.commit || !isReady(other)) continue;
    built ??= { ...other, template: null };
    if (other.template === null || !templates.has(other.template)) continue;
    if (isDeepStrictEqual(await control.deployments.environment(other.id), environment)) return other;
  }
  return built;
}

function waiting(ahead: number): string {
  return `Waiting for ${ahead === 1 ? 'another build' : `${ahead} other builds`} to finish`;
}
