import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../../errors.ts';

/** One path shown inside the jail. */
export interface Bind {
  from: string;
  to: string;
  writable?: boolean;
}

/** What `jail/main.go` is told; see there. */
export interface JailSpec {
  netns: string;
  keepConnections: boolean;
  tap: string;
  monitor: string;
  state: string;
  root: string;
  binds: Bind[];
  /** Device nodes, at the same paths inside. */
  devices: string[];
  links: Record<string, string>;
  uid: number;
  gid: number;
  fileLimit: number;
  fileMost: number;
  argv: string[];
}

/** The system's programs and libraries, read-only, as every distribution with a merged /usr has them. */
export const SYSTEM_BINDS: Bind[] = [
  { from: '/usr', to: '/usr' },
  { from: '/etc/ld.so.cache', to: '/etc/ld.so.cache' },
];
export const SYSTEM_LINKS: Record<string, string> = {
  bin: 'usr/bin',
  lib: 'usr/lib',
  lib64: 'usr/lib64',
};

/**
 * Starts a process in a jail. It is in its own session and outlives the server;
 * what it prints goes to `vmm.log` in `directory`.
 *
 * @param binary path of the compiled jail
 * @throws ThawError `thaw_failed` when the jail itself cannot be started
 */
export async function spawnJailed(
  binary: string,
  directory: string,
  spec: JailSpec,
): Promise<ChildProcess & { pid: number }> {
  const log = await open(join(directory, 'vmm.log'), 'a', 0o600);
  try {
    const child = spawn(binary, [JSON.stringify(spec)], { detached: true, stdio: ['ignore', log.fd, log.fd], env: {} });
    child.on('error', () => {});
    if (child.pid === undefined) {
      throw new ThawError('thaw_failed', 'The VMM could not be started.', {
        hint: 'Run `npm run setup`: it builds the launcher.',
      });
    }
    return child as ChildProcess & { pid: number };
  } finally {
    await log.close();
  }
}
