import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Config, readConfig } from '../platform/config.ts';
import { ThawError } from '../platform/errors.ts';
import { findByArgument } from '../platform/host/vmm/process.ts';
import { QEMU_BINARY } from '../platform/host/vmm/qemu/driver.ts';
import { machineName } from '../platform/host/vms/start.ts';
import { Thaw } from '../platform/sdk/index.ts';

/** What the server writes, in the current directory. */
export const SERVER_LOG = 'bench-server.log';
/** Short, so that instances sleep soon; long enough for a request to follow another. */
const IDLE_MS = 300;
/** A machine on which everything has to be made first boots three images. */
const READY_LIMIT_MS = 300_000;
const POLL_MS = 10;
/** What is left of an instance's end (its slot, its files) is over by then. */
const QUIET_MS = 300;

/** A server of our own, with a data directory of its own. */
export interface BenchServer extends AsyncDisposable {
  config: Config;
  /** Process id. */
  pid: number;
  /** From the start of its process to its first healthy answer, in milliseconds. */
  startMs: number;
  key: string;
  /** Of the API. */
  url: string;
  thaw: Thaw;
  /** URL of a git remote, with the key in it. */
  remote(app: string): string;
  /** Address and `Host` of an app at the edge. */
  at(app: string): { host: string; port: number; name: string };
  /** Resolves when no VM runs and the machine has become quiet. */
  asleep(): Promise<void>;
}

/**
 * @param existing data directory to use, which is left as it is; absent = a new one, removed at the end
 * @throws ThawError `unavailable` when it does not come up; what it wrote is in `bench-server.log`
 */
export async function startServer(existing?: string): Promise<BenchServer> {
  await using stack = new AsyncDisposableStack();
  const data = existing ?? (await mkdtemp('/tmp/thaw-bench-'));
  if (existing === undefined) stack.defer(() => rm(data, { recursive: true, force: true }));
  const [api, edge, pg] = [await freePort(), await freePort(), await freePort()];
  const env = {
    ...process.env,
    THAW_DATA: data,
    THAW_API: `127.0.0.1:${api}`,
    THAW_EDGE: `127.0.0.1:${edge}`,
    THAW_PG: `127.0.0.1:${pg}`,
    THAW_DOMAIN: 'localhost',
    THAW_IDLE_MS: String(IDLE_MS),
    THAW_LOG: process.env.THAW_LOG ?? 'info',
  };
  const config = readConfig(env);
  const program = fileURLToPath(new URL('../platform/cli/thaw.sh', import.meta.url));
  const began = performance.now();
  const child = spawn(program, ['serve'], { env, stdio: ['ignore', 'inherit', 'pipe'] });
  child.stderr.pipe(createWriteStream(SERVER_LOG));
  const ended = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await healthy(`http://127.0.0.1:${api}/healthz`, ended);
  const startMs = performance.now() - began;
  const key = (await readFile(join(data, 'admin.key'), 'utf8')).trim();
  const resources = stack.move();
  return {
    config,
    pid: child.pid ?? 0,
    startMs,
    key,
    url: `http://127.0.0.1:${api}`,
    thaw: new Thaw({ url: `http://127.0.0.1:${api}`, apiKey: key }),
    remote: (app) => `http://bench:${key}@127.0.0.1:${api}/git/${app}.git`,
    at: (app) => ({ host: '127.0.0.1', port: edge, name: `${app}.localhost` }),
    async asleep() {
      const prefix = machineName(config.serverId, '');
      while ((await findByArgument(QEMU_BINARY, '-name', prefix)).size > 0) await sleep(POLL_MS);
      await sleep(QUIET_MS);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function healthy(url: string, ended: Promise<unknown>): Promise<void> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (const began = performance.now(); performance.now() - began < READY_LIMIT_MS && !over; await sleep(POLL_MS)) {
    const status = await fetch(url).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
  }
  throw new ThawError('unavailable', 'The server did not come up.', { hint: 'bench-server.log has its own words.' });
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
