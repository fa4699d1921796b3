import { PROGRAMS } from '../guest-places.ts';
import { guestProgram } from '../guest-program.ts';
import type { Preparation } from '../prepared.ts';

/** Port inside the guest on which builds are ordered. */
export const BUILD_PORT = 8078;

/** npm needs room for the metadata of large trees, esbuild for large bundles. */
const SHAPE = { memoryMiB: 1024, vcpus: 2 };
const PROGRAM = 'build.mjs';
/** As it lies in the builder image. */
const ESBUILD = '/usr/local/lib/node_modules/esbuild/lib/main.js';

/**
 * A VM in which the program that builds waits for a tree.
 *
 * @param diskBytes most that a build can write; 0 = as much as the image has room for
 */
export async function builder(diskBytes: number): Promise<Preparation> {
  return {
    name: 'builder',
    runtime: 'builder',
    shape: SHAPE,
    files: [{ path: PROGRAM, content: await guestProgram('build') }],
    process: { argv: ['node', `${PROGRAMS}/${PROGRAM}`, String(BUILD_PORT), ESBUILD], env: {} },
    port: BUILD_PORT,
    ...(diskBytes === 0 ? {} : { freeDiskBytes: diskBytes }),
  };
}
