import type { AppKind, RunSpec } from '../platform/control/contract.ts';
import type { Host, Vm } from '../platform/host/contract.ts';
import type { Report } from './contract.ts';
import { buildFailed } from './failure.ts';
import { plainLine } from './plain-text.ts';
import { warmUp } from './warm-up.ts';

/** Lines that go with the note about an error status. */
const NOTED_LINES = 8;
/** Lines of a stack that are not about the code. */
const OUR_FRAME = /^\s+at .*(\/opt\/thaw\/|node:internal\/)/;

/** Code that was started, as far as its answers go. */
interface Asked {
  kind: AppKind;
  run: RunSpec;
  /** Host name under which the code will be asked. */
  hostHeader: string;
}

/** Waits until the code listens. @throws ThawError `build_failed` with what it wrote */
export async function listening(
  host: Host,
  vm: Pick<Vm, 'id' | 'address'>,
  request: Asked,
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

/** Sends warm-up requests until the code answers as it should. @throws ThawError `build_failed` with what it wrote */
export async function answering(
  host: Host,
  vm: Pick<Vm, 'id' | 'address'>,
  request: Asked,
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
function nameOf({ kind, run }: Asked): string {
  return kind === 'function' ? (run.argv.at(-1) ?? 'The function') : 'The app';
}

function ending({ code, signal }: { code: number | null; signal: string | null }): string {
  if (signal === 'SIGKILL') return 'killed, most likely because its memory was full';
  return signal === null ? `exit code ${code}` : signal;
}

/** Lines that the code has written to standard error, else all it has written. */
async function written(host: Host, vm: Pick<Vm, 'id' | 'address'>, signal: AbortSignal): Promise<string[]> {
  const all = await Array.fromAsync(host.logs(vm.id, { after: 0, follow: false }, signal));
  const errors = all.filter(({ stream }) => stream === 'stderr');
  return (errors.length > 0 ? errors : all).map(({ line }) => line).filter((line) => !OUR_FRAME.test(line));
}
