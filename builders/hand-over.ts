import type { Deployment } from '../platform/control/contract.ts';
import { toThawError } from '../platform/errors.ts';
import type { BuildParts, Handover } from './contract.ts';
import { discard } from './prepare.ts';

/**
 * Lets a deployment take over before it is in front. One with volumes runs by then; when it does not start, the one before
 * goes on and this one has failed.
 *
 * @throws ThawError why it does not start
 */
export async function handOver(parts: BuildParts, deployment: Deployment): Promise<Handover | undefined> {
  try {
    return await parts.beforeRelease?.(deployment);
  } catch (error) {
    await discard(parts, deployment, toThawError(error).message);
    throw error;
  }
}
