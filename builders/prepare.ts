import type { App, Control, Deployment } from '../platform/control/contract.ts';
import type { Host } from '../platform/host/contract.ts';
import { bake } from './bake.ts';
import { build } from './build.ts';
import type { BuildParts, Report } from './contract.ts';
import { outcomeOf } from './failure.ts';
import { functionRun } from './function/runner.ts';
import type { PipelineParts } from './parts.ts';

export interface PrepareRequest {
  app: App;
  branch: string;
  /** 40 hex digits; null for an upload. */
  commit: string | null;
  /** Opens the tree as a tar stream. Called at most once. */
  source(): AsyncIterable<Uint8Array>;
}

/**
 * Makes a deployment ready: builds, bakes, records. When it fails, what is left is the deployment with its reason.
 *
 * @throws ThawError
 */
export async function prepare(
  parts: PipelineParts,
  request: PrepareRequest,
  report: Report,
  signal?: AbortSignal,
): Promise<Deployment> {
  const { control, host, log, queue, settings } = parts;
  const { app, branch, commit } = request;
  const begun = await control.deployments.begin({ app: app.name, branch, commit });
  const limit = { signal: new AbortController().signal, ms: settings.buildTimeoutMs };
  const made: { template?: string } = {};
  try {
    using _place = await queue.enter((ahead) => report(waiting(ahead)), signal);
    limit.signal = AbortSignal.timeout(limit.ms);
    const both = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal;
    const started = performance.now();
    const twin = await sameCommit(control, host, app.name, commit);
    if (twin) {
      report(`This commit is built already (deployment ${twin.id})`);
      await control.artifacts.put(begun.id, control.artifacts.get(twin.id));
      return await control.deployments.ready(begun.id, twin);
    }
    const built = await build(parts, { app: app.name, deployment: begun.id, source: request.source() }, report, both);
    const run = functionRun(built.entry, built.name);
    made.template = await bake(parts, bakeRequest(parts, { ...begun, run }), report, both);
    report(`Frozen after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return await control.deployments.ready(begun.id, { kind: 'function', template: made.template, run });
  } catch (error) {
    const outcome = outcomeOf(error, limit, signal);
    log.info({ app: app.name, deployment: begun.id, code: outcome.code, err: outcome.cause }, 'deployment failed');
    await control.deployments.fail(begun.id, outcome.message);
    await control.artifacts.remove(begun.id);
    if (made.template !== undefined) await host.removeTemplate(made.template);
    throw outcome;
  }
}

/** What it takes to bake a deployment's kept artifact. */
export function bakeRequest(
  { control, url }: BuildParts,
  deployment: Pick<Deployment, 'id' | 'app' | 'branch'> & { run: NonNullable<Deployment['run']> },
) {
  const { id, app, branch, run } = deployment;
  return {
    app,
    deployment: id,
    name: run.argv.at(-1) ?? 'the code',
    run,
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

/** A ready deployment of the same commit whose template is still here. */
async function sameCommit(control: Control, host: Host, app: string, commit: string | null) {
  if (commit === null) return undefined;
  const templates = new Set((await host.templates()).map(({ id }) => id));
  for (const { id, commit: its, status, kind, template, run } of await control.deployments.list(app)) {
    if (its !== commit || status !== 'ready' || kind === null || run === null) continue;
    if (template !== null && templates.has(template)) return { id, kind, template, run };
  }
  return undefined;
}

function waiting(ahead: number): string {
  return `Waiting for ${ahead === 1 ? 'another build' : `${ahead} other builds`} to finish`;
}
