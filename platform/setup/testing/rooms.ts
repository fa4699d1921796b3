import { glob } from 'node:fs/promises';
import { GO_MODULES } from '../go.ts';

/** Rooms whose tests start VMs. Two files run side by side: a VM that boots or sleeps leaves a processor idle. */
const WITH_VMS = new Set(['builders', 'e2e', 'host']);

/** What is to be run. */
export interface Plan {
  /** Directories of Go modules. */
  go: string[];
  /** Test files that may run side by side. */
  light: string[];
  /** Test files that run later, and fewer of them side by side. */
  heavy: string[];
}

/**
 * Finds the tests below `root`.
 *
 * @param wanted beginnings of paths, e.g. `router` for `test/router` or `host/thaw`; also `agent` or `jail`, the Go
 *   modules. None = everything.
 */
export async function planTests(root: string, wanted: readonly string[]): Promise<Plan> {
  const files: string[] = [];
  for await (const file of glob('test/**/*.test.ts', { cwd: root })) files.push(file);
  const chosen = files.sort().filter((file) => isWanted(file.slice('test/'.length), wanted));
  return {
    go: GO_MODULES.filter((module) => isWanted(roomOf(module), wanted)),
    light: chosen.filter((file) => !WITH_VMS.has(roomOf(file))),
    heavy: chosen.filter((file) => WITH_VMS.has(roomOf(file))),
  };
}

/** `test/router/wake.test.ts` is of the room `router`, a Go module a room of its own. */
export function roomOf(path: string): string {
  const parts = path.split('/');
  return (parts[0] === 'test' ? parts[1] : parts.at(-1)) ?? path;
}

function isWanted(path: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((start) => path.startsWith(start.replace(/^(\.\/)?test\//, '')));
}
