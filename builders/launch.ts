import type { AppKind, RunSpec } from '../platform/control/contract.ts';
import type { Host, Vm } from '../platform/host/contract.ts';
import { withValues } from './app-environment.ts';
import { ask } from './ask.ts';
import { LOAD_PORT, loadOrder, runner } from './function/runner.ts';
import { APP, PROGRAMS } from './guest-places.ts';
import { guestProgram } from './guest-program.ts';
import type { PipelineParts } from './parts.ts';
import { type ScopedVm, thawScoped } from './scoped-vm.ts';
import { type PackedFile, packFiles } from './tar.ts';
import { AFTER_THAW } from './worker.ts';

export interface LaunchRequest {
  kind: AppKind;
  run: RunSpec;
  /** Values of the app's own, on top of `run.env`. */
  environment: Record<string, string>;
  labels: Record<string, string>;
  /** The artifact as a tar stream. */
  artifact: AsyncIterable<Uint8Array>;
}

/** Apps may use the internet; `egress` of their settings narrows it. */
const OPEN = { mode: 'public' as const };

/**
 * Thaws a VM of the run's runtime, puts the artifact in and starts the code; resolves when it is started, not when it
 * answers. The VM has memory of its own, so it can be frozen.
 */
export async function launch(parts: PipelineParts, request: LaunchRequest, signal: AbortSignal): Promise<ScopedVm> {
  await using stack = new AsyncDisposableStack();
  const vm = stack.use(await place(parts, request, signal));
  await start(parts.host, vm, request, signal);
  stack.move();
  return vm;
}

/** Thaws a VM of the run's runtime and puts the artifact in. Nothing of it runs yet. */
export async function place(
  parts: PipelineParts,
  { kind, run, labels, artifact }: Omit<LaunchRequest, 'environment'>,
  signal: AbortSignal,
): Promise<ScopedVm> {
  const { host, prepared } = parts;
  const request = { labels, egress: run.egress ?? OPEN, ...(run.cpus === undefined ? {} : { cpus: run.cpus }) };
  await using stack = new AsyncDisposableStack();
  if (kind === 'function') {
    const { accelerator } = await host.facts();
    const vm = stack.use(await prepared.thaw(await runner(accelerator, run.shape), request, signal));
    await host.putTree(vm.id, APP, artifact, signal);
    stack.move();
    return vm;
  }
  // A VM in which nothing of the app runs yet.
  const { id } = await host.runtimeTemplate(run.runtime, run.shape, signal);
  const vm = stack.use(await thawScoped(host, { ...request, template: id, memory: 'own' }, signal));
  await host.putTree(vm.id, PROGRAMS, packFiles(await programs(kind, run)), signal);
  await host.putTree(vm.id, APP, artifact, signal);
  stack.move();
  return vm;
}

/** Starts what `place` has put in; resolves when it is started, not when it answers. */
export async function start(
  host: Pick<Host, 'startProcess'>,
  vm: Pick<Vm, 'id' | 'address'>,
  { kind, run, environment }: Pick<LaunchRequest, 'kind' | 'run' | 'environment'>,
  signal: AbortSignal,
): Promise<void> {
  const env = withValues(run.env, environment);
  if (kind === 'function') {
    await ask({ host: vm.address, port: LOAD_PORT, body: loadOrder({ ...run, env }), signal });
    return;
  }
  const more = run.mounts === undefined ? {} : AFTER_THAW;
  await host.startProcess(vm.id, { argv: run.argv, env: { ...env, ...more }, cwd: APP, user: 'app' }, signal);
}

/** Programs of ours that run with the app, or as it. */
async function programs(kind: AppKind, { runtime }: RunSpec): Promise<PackedFile[]> {
  if (runtime !== 'node') return [];
  const preload = { path: 'preload.mjs', content: await guestProgram('preload') };
  return kind === 'static' ? [preload, { path: 'static.mjs', content: await guestProgram('static') }] : [preload];
}
