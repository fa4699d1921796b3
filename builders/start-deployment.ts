import { ThawError } from '../platform/errors.ts';
import type { Vm } from '../platform/host/contract.ts';
import { answering, listening } from './answering.ts';
import { start } from './launch.ts';
import type { PipelineParts } from './parts.ts';
import { bakeRequest, isReady } from './prepare.ts';

/**
 * Starts the code of a deployment in a VM that was thawed from its template with the code in place, and waits until it
 * answers.
 *
 * @throws ThawError `build_failed` with what it wrote, `conflict` for a deployment that is not ready
 */
export async function startDeployment(
  parts: PipelineParts,
  vm: Pick<Vm, 'id' | 'address'>,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const deployment = await parts.control.deployments.get(id);
  if (!isReady(deployment)) throw new ThawError('conflict', `Deployment ${id} is ${deployment.status}.`);
  const request = await bakeRequest(parts, deployment);
  await start(parts.host, vm, request, signal);
  await listening(parts.host, vm, request, parts.settings.startTimeoutMs, signal);
  await answering(parts.host, vm, request, () => {}, signal);
}
