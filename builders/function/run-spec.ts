import type { RunSpec } from '../../platform/control/contract.ts';
import { APP, PROGRAMS } from '../guest-vm.ts';

/** Port inside the guest on which a function answers. */
const PORT = 8080;

/** The bundled program that runs functions, in the guest. */
export const SHIM = 'shim.mjs';

/**
 * How a built function is started.
 *
 * @param entry its bundle, below the tree's root
 * @param name what its author calls it
 */
export function functionRun(entry: string, name: string): RunSpec {
  return {
    runtime: 'node',
    shape: { memoryMiB: 256, vcpus: 1 },
    argv: [
      'node',
      '--enable-source-maps',
      // What was compiled during warm-up must still be there after a thaw.
      '--no-flush-bytecode',
      `${PROGRAMS}/${SHIM}`,
      `${APP}/${entry}`,
      name,
    ],
    env: {
      NODE_ENV: 'production',
      PORT: String(PORT),
      THAW_SOCKET: '/run/thaw/thaw.sock',
      THAW_RESEED: '/usr/local/lib/thaw/reseed.node',
    },
    port: PORT,
  };
}
