import type { Scaling } from '../platform/control/contract.ts';

/** Made in the copy in which a release command runs: no worker is to run there. */
export const IN_RELEASE = '/tmp/.thaw-release';

/** In the environment of code that is started after the thaw, with its volumes: its worker has no thaw to wait for. */
export const AFTER_THAW = { THAW_STARTED: '1' };

/**
 * Starts the web process, and beside it the worker: not in the VM that is frozen, where it would take work that then stands
 * still, but in the copies, some seconds after their thaw. How many thaws there were stands in the agent's page
 * (`runtime-images/agent/page.go`). A worker that ends is started again.
 */
const BESIDE = `thaws() { od -An -tu4 -N4 /run/thaw/renewal; }
worker=$1
shift
(
  frozen=$(thaws)
  while [ -z "$THAW_STARTED" ] && [ "$(thaws)" = "$frozen" ]; do sleep 0.2; done
  sleep 3
  [ ! -e ${IN_RELEASE} ] || exit 0
  while :; do
    sh -c "$worker"
    echo "The worker ended with $?; it is started again." >&2
    sleep 1
  done
) &
exec "$@"`;

/** The command that starts an app with a worker beside it. */
export function beside(worker: string, argv: readonly string[]): string[] {
  return ['sh', '-c', BESIDE, 'sh', worker, ...argv];
}

/** An app with a worker is one instance that does not sleep, unless its author says otherwise. */
export function scalingWith(worker: string | undefined, scaling: Scaling): Scaling {
  return worker === undefined ? scaling : { sleep: 'off', maxInstances: 1, ...scaling };
}
