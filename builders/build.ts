import { posix } from 'node:path';
import type { App, CronSpec, RunSpec, Scaling } from '../platform/control/contract.ts';
import type { Template } from '../platform/host/contract.ts';
import { buildEnvironment } from './build-environment.ts';
import { BuildingVm } from './building-vm.ts';
import { extraCertificates } from './certificates.ts';
import type { BuildSettings, Report } from './contract.ts';
import type { Plan } from './guest/say.ts';
import { APP, PROGRAMS } from './guest-places.ts';
import type { PipelineParts } from './parts.ts';
import { runSpec } from './run-spec.ts';
import { checkSettings } from './settings/read.ts';
import { runningOf } from './settings/run.ts';
import { limited, packFiles } from './tar.ts';
import { scalingWith } from './worker.ts';

/** Relative to where programs run. */
const TREE = 'src';
/** Where a tree waits beside one that has its packages installed. */
const NEXT = 'next';
/** An artifact is the source and what was built; packages that are kept whole come on top. */
const ARTIFACT_TIMES = 8;

export interface BuildRequest {
  app: App;
  deployment: string;
  /** Read once. */
  source: AsyncIterable<Uint8Array>;
  /** Values of the app's own, which its build sees too. */
  environment: Record<string, string>;
}

/** What a deployment was built to. */
export interface Built {
  kind: 'function' | 'web' | 'static';
  run: RunSpec;
  scaling: Scaling;
  crons: CronSpec[];
}

/**
 * Builds a tree in a builder VM of its own, and keeps what came out as the deployment's artifact. Where an earlier build of
 * the project installed the same packages, it begins from there. The VM is gone afterwards.
 *
 * @throws ThawError `build_failed`, `too_large`, or what the host throws
 */
export async function build(
  parts: PipelineParts,
  request: BuildRequest,
  report: Report,
  signal: AbortSignal,
): Promise<Built> {
  const { control, settings } = parts;
  const { app, deployment, source, environment } = request;
  const labels = { app: app.name, deployment, role: 'builder' };
  await using vm = await BuildingVm.open(parts, { labels, report, signal, secrets: Object.values(environment) });
  await vm.put(PROGRAMS, packFiles(files(settings)));
  await vm.put(`${APP}/${TREE}`, limited(source, settings.maxSourceBytes, 'The source'));
  const env = { ...buildEnvironment(settings), ...environment };
  const plan = await vm.order({ do: 'inspect', tree: TREE, runtimeRoot: APP, env }, 'plan');
  const told = checkSettings(plan.settings);
  report(`Detected: ${plan.detected}`);
  const installedIn = await install(parts, vm, request, plan, env, report);
  const built = await vm.order({ do: 'build', ...(installedIn === undefined ? {} : { installedIn }) }, 'built');
  const run = runSpec(built, told);
  const tar = vm.get(posix.join(APP, TREE, built.root));
  const bytes = settings.maxSourceBytes * ARTIFACT_TIMES;
  await control.artifacts.put(deployment, limited(tar, bytes, 'What was built'));
  const { scaling, crons } = runningOf(told);
  return { kind: built.kind, run, scaling: scalingWith(built.worker, scaling), crons };
}

/**
 * Brings the packages in: thawed with the VM that installed them once, or installed now and kept.
 *
 * @returns where they are, when that is not the tree itself
 */
async function install(
  { cache, host, log }: PipelineParts,
  vm: BuildingVm,
  { app }: BuildRequest,
  plan: Plan,
  env: Record<string, string>,
  report: Report,
): Promise<string | undefined> {
  if (plan.install === undefined) return undefined;
  const { key: known } = plan.install;
  const key = known === undefined ? undefined : cache.key(app.project, vm.template, known);
  const kept = key === undefined ? undefined : await cache.find(key);
  if (kept !== undefined && (await moveTo(kept))) {
    report('The dependencies are unchanged: kept from an earlier build');
    return TREE;
  }
  await vm.order({ do: 'install' }, 'installed');
  if (key !== undefined)
    await vm.goOnFrom(
      await vm.keep((id, signal) => cache.keep(id, key, { project: app.project, app: app.name }, signal)),
    );
  return undefined;

  /** The tree goes on in a clone of the kept builder. False when that cannot be thawed any more. */
  async function moveTo(template: Template): Promise<boolean> {
    const next = await vm.beside(template).catch(async (error: unknown) => {
      log.info({ template: template.id, err: error }, 'a cached install cannot be used any more');
      await host.removeTemplate(template.id);
      return undefined;
    });
    if (next === undefined) return false;
    await next.put(`${APP}/${NEXT}`, vm.get(`${APP}/${TREE}`));
    await vm.replaceBy(next);
    await vm.order({ do: 'inspect', tree: NEXT, runtimeRoot: APP, env }, 'plan');
    return true;
  }
}

function files({ npmrc, caBundle }: BuildSettings) {
  const text = (value: string) => new TextEncoder().encode(value);
  return [
    { path: 'npmrc', content: text(npmrc) },
    { path: 'ca.pem', content: text(caBundle) },
    { path: 'extra-ca.pem', content: text(extraCertificates(caBundle)) },
  ];
}
