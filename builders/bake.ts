import type { AppKind, RunSpec } from '../platform/control/contract.ts';
import { answering, listening } from './answering.ts';
import type { Report } from './contract.ts';
import { launch, place } from './launch.ts';
import type { PipelineParts } from './parts.ts';

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
 * Starts an artifact in a VM of its runtime, warms it up, and freezes it. One with volumes is frozen before it is started:
 * it reads them as it starts.
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
  if (request.run.mounts !== undefined) {
    await using vm = await place(parts, { ...request, labels: { ...labels, role: 'baker' } }, signal);
    return (await host.freeze(vm.id, { labels }, signal)).id;
  }
  report('Starting');
  await using vm = await launch(parts, { ...request, labels: { ...labels, role: 'baker' } }, signal);
  await listening(host, vm, request, settings.startTimeoutMs, signal);
  await answering(host, vm, request, report, signal);
  const template = await host.freeze(vm.id, { labels }, signal);
  return template.id;
}
