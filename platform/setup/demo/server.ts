import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Config, Listen } from '../../config.ts';
import { ThawError } from '../../errors.ts';

const THAW = fileURLToPath(new URL('../../cli/thaw.sh', import.meta.url));
/** What `thaw serve` becomes. */
const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));
/** A first start makes a database and, where there is a KVM device, tries it. */
const START_LIMIT_MS = 120_000;
const POLL_MS = 100;
/** How much of its log is shown when it does not start. */
const LOG_LINES = 20;

/** A server on this machine. */
export interface Server {
  /** Address of the API. */
  url: string;
  /** Absent for one that this program did not start. */
  pid: number | undefined;
  log: string;
  /** Whether it was there before. */
  found: boolean;
}

/**
 * The server that listens where the settings say; started when there is none.
 * It goes on when this program ends, unless `signal` fires while it starts.
 *
 * @throws ThawError `unavailable` with the end of its log when it does not start
 */
export async function findOrStartServer(config: Config, signal: AbortSignal): Promise<Server> {
  const url = `http://${reachable(config.api)}`;
  const log = join(config.data, 'server.log');
  const pidFile = join(config.data, 'server.pid');
  if (await isReady(url, signal)) return { url, log, found: true, pid: await runningPid(pidFile) };

  // The mode is that of the control plane, which opens the directory first otherwise.
  await mkdir(config.data, { recursive: true, mode: 0o711 });
  await using file = await open(log, 'a', 0o600);
  const child = spawn(THAW, ['serve'], { cwd: '/', detached: true, stdio: ['ignore', file.fd, file.fd] });
  const ended = once(child, 'exit').then(() => 'ended' as const);
  const ready = untilReady(url, AbortSignal.any([signal, AbortSignal.timeout(START_LIMIT_MS)]));
  const outcome = await Promise.race([ended, ready]).catch(() => 'late' as const);
  if (outcome !== 'ready') {
    child.kill();
    signal.throwIfAborted();
    const tail = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-LOG_LINES).join('\n');
    throw new ThawError('unavailable', `The server did not start. The end of ${log}:\n${tail}`);
  }
  child.unref();
  await writeFile(pidFile, `${child.pid}\n`);
  return { url, log, found: false, pid: child.pid };
}

async function untilReady(url: string, signal: AbortSignal): Promise<'ready'> {
  while (!(await isReady(url, signal))) await sleep(POLL_MS, undefined, { signal });
  return 'ready';
}

async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  return fetch(`${url}/healthz`, { signal }).then(
    async (answer) => answer.ok && (await answer.text()).includes('"version"'),
    () => {
      signal.throwIfAborted();
      return false;
    },
  );
}

/** The server that an earlier demo started, when it is still that process. */
async function runningPid(pidFile: string): Promise<number | undefined> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  const command = pid > 0 ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : '';
  return command.split('\0').includes(MAIN) ? pid : undefined;
}

/** Where to connect to what listens on `host:port`: everywhere includes here. */
export function reachable({ host, port }: Listen): string {
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `${name.includes(':') ? `[${name}]` : name}:${port}`;
}
