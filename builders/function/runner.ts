import type { RunSpec } from '../../platform/control/contract.ts';
import type { HostFacts, Shape } from '../../platform/host/contract.ts';
import { PROGRAMS } from '../guest-places.ts';
import { guestProgram } from '../guest-program.ts';
import type { Preparation } from '../prepared.ts';

/** Port inside the guest on which a function answers. */
const PORT = 8080;
/** Port on which the program that runs functions waits to be told which. Closed before the function is loaded. */
export const LOAD_PORT = 8079;

const SHAPE: Shape = { memoryMiB: 256, vcpus: 1 };
const SHIM = 'shim.mjs';
const ARGV = [
  'node',
  '--enable-source-maps',
  // What was compiled during warm-up must still be there after a thaw.
  '--no-flush-bytecode',
  `${PROGRAMS}/${SHIM}`,
];
/** V8's compilers, which the program switches on after the first answer (runtime/tiers.ts). */
const INTERPRETED = ['--no-sparkplug', '--no-maglev', '--no-opt'];
const ENV = {
  NODE_ENV: 'production',
  PORT: String(PORT),
  THAW_SOCKET: '/run/thaw/thaw.sock',
  THAW_RENEWAL: '/usr/local/lib/thaw/renewal.node',
  THAW_RENEWAL_PAGE: '/run/thaw/renewal',
};
/** Requests with which the program's own way of answering is compiled and loaded. */
const REHEARSALS = 20;

/**
 * How a built function is started.
 *
 * @param entry its bundle, relative to the tree's root, which is the working directory
 * @param name what its author calls it
 */
export function functionRun(entry: string, name: string, shape: Shape = SHAPE): RunSpec {
  return { runtime: 'node', shape, argv: [...ARGV, entry, name], env: ENV, port: PORT };
}

/** What a function's run comes to in a VM in which the program runs already. */
export function loadOrder({ argv, env }: RunSpec): { entry: string; name: string; env: Record<string, string> } {
  const [entry = '', name = ''] = argv.slice(-2);
  return { entry, name, env };
}

/**
 * A VM in which the program runs that answers for functions, and waits for one.
 *
 * @param accelerator what VMs run with: emulated ones start without compiled code
 */
export async function runner(accelerator: HostFacts['accelerator'], shape: Shape = SHAPE): Promise<Preparation> {
  const [node = '', ...rest] = ARGV;
  return {
    name: 'runner',
    runtime: 'node',
    shape,
    files: [{ path: SHIM, content: await guestProgram('shim') }],
    process: {
      argv: [node, ...(accelerator === 'tcg' ? INTERPRETED : []), ...rest],
      env: { ...ENV, THAW_LOAD_PORT: String(LOAD_PORT) },
    },
    port: LOAD_PORT,
    rehearsal: { port: PORT, requests: REHEARSALS },
  };
}
