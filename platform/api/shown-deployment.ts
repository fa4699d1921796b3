import type { Deployment } from '../control/contract.ts';
import type { Deployed } from './parts.ts';

export type ShownDeployment = Omit<Deployment, 'run' | 'template'>;

/** How a deployment is started stays inside: its environment may hold secrets. */
export function shownDeployment({ run: _, template: __, ...shown }: Deployment): ShownDeployment {
  return shown;
}

/** A deployment that is live, as a stream tells it. */
export function shownDeployed({ deployment, release, url }: Deployed) {
  return { deployment: shownDeployment(deployment), release, url };
}
