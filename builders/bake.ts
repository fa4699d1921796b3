import type { RunSpec } from '../platform/control/contract.ts';
import type { Host } from '../platform/host/contract.ts';
import { ask } from './ask.ts';
import type { Report } from './contract.ts';
import { buildFailed } from './failure.ts';
import { LOAD_PORT, loadOrder, runner } from './function/runner.ts';
import { APP } from './guest-places.ts';
import type { PipelineParts } from './parts.ts';
import { plainLine } from './plain-text.ts';
import type { ScopedVm } from './scoped-vm.ts';
import { warmUp } from './warm-up.ts';

/** Lines that go with the note about an error status. */
const NOTED_LINES = 8;
/** Lines of a stack that are not about the code. */
const OUR_FRAME = /^\s+at .*(\/opt\/thaw\/|node:internal\/)/;

export interface BakeRequest {
  app: string;
  deployment: string;
  /** What the code's author calls its entry, for messages. */
  name: string;
  run: RunSpec;
  /** The artifact as a tar stream. */
  artifact: AsyncIterable<Uint8Array>;
  /** Host name under which the code will be asked. */
  hostHeader: string;
}

/**
 * Starts an artifact in a VM of its runtime, warms it up, and freezes it.
 *
 * @returns the new template's id
 * @throws ThawError `build_failed` when the code does not start or does not answer, or what the host throws
 */
export async function bake(
  { host, prepared, settings }: PipelineParts,
  request: BakeRequest,
  report: Report,
  signal: AbortSignal,
): Promise<string> {
  const { app, deployment, run, artifact } = request;
  const labels = { app, deployment };
  const egress = { mode: 'public' as const };
  const { accelerator } = await host.facts();
  await using vm = await prepared.thaw(
    await runner(accelerator),
    { labels: { ...labels, role: 'baker' }, egress },
    signal,
  );
  await host.putTree(vm.id, APP, artifact, signal);
  report('Starting');
  await ask({ host: vm.address, port: LOAD_PORT, body: loadOrder(run), signal });
  await listening(host, vm, request, settings.startTimeoutMs, signal);
  await answering(host, vm, request, report, signal);
  const template = await host.freeze(vm.id, { labels }, signal);
  return template.id;
}

async function listening(
  host: Host,
  vm: ScopedVm,
  { name, run }: BakeRequest,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const outcome = await host.waitListening(vm.id, run.port, limitMs, signal);
  if (outcome.listening) return;
  const reason =
    'exited' in outcome
      ? `${name} ended while it was loading (${ending(outcome.exited)}).`
      : `${name} was not ready to answer within ${limitMs / 1000} s of its start.`;
  throw buildFailed(reason, await written(host, vm, signal), {
    hint: 'Code at the top level has to finish; work belongs into the request handler.',
  });
}

async function answering(
  host: Host,
  vm: ScopedVm,
  request: BakeRequest,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const { name, run, hostHeader } = request;
  const warmth = await warmUp({ host: vm.address, port: run.port }, hostHeader, signal);
  if (warmth.kind === 'answered') {
    if (warmth.status < 500) return;
    report(`Note: GET / is answered with status ${warmth.status}`);
    for (const line of (await written(host, vm, signal)).slice(-NOTED_LINES)) report(`  ${plainLine(line)}`);
    return;
  }
  const output = await written(host, vm, signal);
  if (warmth.kind === 'silent') {
    throw buildFailed(`${name} did not answer GET / within ${warmth.limitMs / 1000} s.`, output, {
      hint: 'Every request has to be answered, also one for a path that is not there.',
    });
  }
  const after = await host.waitListening(vm.id, run.port, 1000, signal);
  const how = 'exited' in after ? ` (${ending(after.exited)})` : '';
  throw buildFailed(`${name} broke off the answer to GET /${how}.`, output, {
    hint: 'Code that ends its process or its connections cannot be kept.',
  });
}

function ending({ code, signal }: { code: number | null; signal: string | null }): string {
  if (signal === 'SIGKILL') return 'killed, most likely because its memory was full';
  return signal === null ? `exit code ${code}` : signal;
}

/** Lines that the code has written to standard error, else all it has written. */
async function written(host: Host, vm: ScopedVm, signal: AbortSignal): Promise<string[]> {
  const all = await Array.fromAsync(host.logs(vm.id, { after: 0, follow: false }, signal));
  const errors = all.filter(({ stream }) => stream === 'stderr');
  return (errors.length > 0 ? errors : all).map(({ line }) => line).filter((line) => !OUR_FRAME.test(line));
}
