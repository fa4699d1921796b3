import type { AppKind, RunSpec } from '../platform/control/contract.ts';
import type { Host } from '../platform/host/contract.ts';
import type { Report } from './contract.ts';
import { buildFailed } from './failure.ts';
import { launch } from './launch.ts';
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
  kind: AppKind;
  run: RunSpec;
  /** Values of the app's own. */
  environment: Record<string, string>;
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
  parts: PipelineParts,
  request: BakeRequest,
  report: Report,
  signal: AbortSignal,
): Promise<string> {
  const { host, settings } = parts;
  const { app, deployment } = request;
  const labels = { app, deployment };
  report('Starting');
  await using vm = await launch(parts, { ...request, labels: { ...labels, role: 'baker' } }, signal);
  await listening(host, vm, request, settings.startTimeoutMs, signal);
  await answering(host, vm, request, report, signal);
  const template = await host.freeze(vm.id, { labels }, signal);
  return template.id;
}

async function listening(
  host: Host,
  vm: ScopedVm,
  request: BakeRequest,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { run, kind } = request;
  const name = nameOf(request);
  const outcome = await host.waitListening(vm.id, run.port, limitMs, signal);
  if (outcome.listening) return;
  const reason =
    'exited' in outcome
      ? `${name} ended while it was loading (${ending(outcome.exited)}).`
      : `${name} was not ready to answer within ${limitMs / 1000} s of its start.`;
  throw buildFailed(reason, await written(host, vm, signal), {
    hint:
      kind === 'function'
        ? 'Code at the top level has to finish; work belongs into the request handler.'
        : `It has to listen on 0.0.0.0, port ${run.port}; the environment variable PORT names it.`,
  });
}

async function answering(
  host: Host,
  vm: ScopedVm,
  request: BakeRequest,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const { run, hostHeader } = request;
  const name = nameOf(request);
  const path = run.health ?? '/';
  const warmth = await warmUp({ host: vm.address, port: run.port, path }, hostHeader, signal);
  if (warmth.kind === 'answered') {
    if (warmth.status < 500) return;
    if (run.health !== undefined) {
      throw buildFailed(
        `The health check GET ${path} is answered with status ${warmth.status}.`,
        await written(host, vm, signal),
      );
    }
    report(`Note: GET / is answered with status ${warmth.status}`);
    for (const line of (await written(host, vm, signal)).slice(-NOTED_LINES)) report(`  ${plainLine(line)}`);
    return;
  }
  const output = await written(host, vm, signal);
  if (warmth.kind === 'silent') {
    throw buildFailed(`${name} did not answer GET ${path} within ${warmth.limitMs / 1000} s.`, output, {
      hint: 'Every request has to be answered, also one for a path that is not there.',
    });
  }
  const after = await host.waitListening(vm.id, run.port, 1000, signal);
  const how = 'exited' in after ? ` (${ending(after.exited)})` : '';
  throw buildFailed(`${name} broke off the answer to GET ${path}${how}.`, output, {
    hint: 'Code that ends its process or its connections cannot be kept.',
  });
}

/** What messages call the code: a function by its file. */
function nameOf({ kind, run }: BakeRequest): string {
  return kind === 'function' ? (run.argv.at(-1) ?? 'The function') : 'The app';
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
