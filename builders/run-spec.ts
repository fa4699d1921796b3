import { posix } from 'node:path';
import type { RunSpec } from '../platform/control/contract.ts';
import type { Shape } from '../platform/host/contract.ts';
import { withValues } from './app-environment.ts';
import { buildFailed } from './failure.ts';
import { functionRun } from './function/runner.ts';
import type { Built } from './guest/say.ts';
import { APP, PROGRAMS } from './guest-places.ts';
import { machineOf } from './settings/run.ts';
import type { Settings } from './settings/schema.ts';
import { beside } from './worker.ts';

/** Port on which an app listens, unless its settings name another. */
const PORT = 8080;
/** Memory in MiB where the settings name none. */
const MEMORY = { function: 256, static: 256, base: 256, node: 512, python: 512 };
const AGENT = { THAW_SOCKET: '/run/thaw/thaw.sock' };
/** What makes the runtime renew itself after a thaw. */
const RENEWAL: Record<Built['runtime'], Record<string, string>> = {
  node: {
    ...AGENT,
    THAW_RENEWAL: '/usr/local/lib/thaw/renewal.node',
    THAW_RENEWAL_PAGE: '/run/thaw/renewal',
    NODE_OPTIONS: `--import ${posix.join(PROGRAMS, 'preload.mjs')}`,
    NODE_ENV: 'production',
  },
  python: { ...AGENT, PYTHONPATH: '/usr/local/lib/thaw/python' },
  base: {},
};

/**
 * How what came out of a build is started.
 *
 * @throws ThawError `build_failed` when the build program told less than its kind needs
 */
export function runSpec(built: Built, settings: Settings): RunSpec {
  const { port = PORT, memoryMiB, vcpus = 1, ...rest } = machineOf(settings);
  const release = settings.release ?? built.release;
  const mounts = settings.mounts?.length ? { mounts: settings.mounts } : {};
  const more = { ...rest, ...(release === undefined ? {} : { release }), ...mounts };
  const shape = (fallback: number): Shape => ({ memoryMiB: memoryMiB ?? fallback, vcpus });
  if (built.kind === 'function') {
    if (built.entry === undefined || built.name === undefined) throw incomplete();
    const run = functionRun(built.entry, built.name, shape(MEMORY.function));
    return { ...run, ...more, env: { ...run.env, ...settings.env } };
  }
  const argv = built.kind === 'static' ? ['node', posix.join(PROGRAMS, 'static.mjs'), APP] : built.argv;
  if (argv === undefined) throw incomplete();
  return {
    runtime: built.runtime,
    shape: shape(built.kind === 'static' ? MEMORY.static : MEMORY[built.runtime]),
    argv: built.worker === undefined ? argv : beside(built.worker, argv),
    env: withValues(
      { ...built.env, ...RENEWAL[built.runtime], HOST: '0.0.0.0', PORT: String(port) },
      settings.env ?? {},
    ),
    port,
    ...more,
  };
}

function incomplete(): Error {
  return buildFailed('The build told nothing that could be started.');
}
