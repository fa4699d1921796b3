import type { RunSpec } from '../platform/control/contract.ts';
import { withValues } from './app-environment.ts';
import type { Report } from './contract.ts';
import { buildFailed } from './failure.ts';
import { APP } from './guest-places.ts';
import type { PipelineParts } from './parts.ts';
import { LineSplitter, plainLine } from './plain-text.ts';
import { thawScoped } from './scoped-vm.ts';
import { IN_RELEASE } from './worker.ts';

/** Lines that a failure carries. */
const KEPT_LINES = 40;

export interface ReleaseCommand {
  app: string;
  deployment: string;
  run: RunSpec;
  environment: Record<string, string>;
  /** The baked template; the command runs beside the code, in a clone that is thrown away. */
  template: string;
}

/**
 * Runs the command that has to succeed before a deployment is put in front, such as migrations of a database.
 *
 * @throws ThawError `build_failed` with what it wrote when it fails
 */
export async function runReleaseCommand(
  { host, settings }: PipelineParts,
  { app, deployment, run, environment, template }: ReleaseCommand,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  if (run.release === undefined) return;
  report(`Release command: ${run.release}`);
  const labels = { app, deployment, role: 'release' };
  const egress = run.egress ?? { mode: 'public' as const };
  await using vm = await thawScoped(host, { template, labels, egress, memory: 'clone' }, signal);
  const last: string[] = [];
  const lines = new LineSplitter((line) => {
    report(`  ${plainLine(line)}`);
    last.push(line);
    if (last.length > KEPT_LINES) last.shift();
  });
  const request = {
    argv: ['sh', '-c', `: >${IN_RELEASE}; ${run.release}`],
    env: withValues(run.env, environment),
    cwd: APP,
    user: 'app' as const,
    timeoutMs: settings.buildTimeoutMs,
  };
  for await (const event of host.exec(vm.id, request, signal)) {
    if (event.kind !== 'exit') {
      lines.push(event.data);
      continue;
    }
    lines.end();
    if (event.code === 0) return;
    const how = event.timedOut
      ? `did not end within ${settings.buildTimeoutMs / 1000} s`
      : `failed (${event.signal ?? `exit code ${event.code}`})`;
    throw buildFailed(`The release command ${how}; what was in front stays there.`, last);
  }
  throw buildFailed('The release command broke off with its VM.', last);
}
