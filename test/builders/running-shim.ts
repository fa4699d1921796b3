import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { guestProgram } from '../../builders/guest-program.ts';

export interface RunningShim extends AsyncDisposable {
  process: ChildProcess;
  /** Its working directory. */
  directory: string;
  url: string;
  /** Standard error so far. */
  errors(): string;
  /** Sends a line as the guest's agent would, and gives back the next line that comes. */
  tell(line: string): Promise<string>;
  /** The next line that the shim sends by itself. */
  heard(): Promise<string>;
  /** Resolves with the exit code when the process has ended. */
  ended: Promise<number | null>;
}

/**
 * Runs the bundled shim with a module, against an agent's socket.
 *
 * @param source the module; undefined to let the shim wait for its order
 * @param flags of Node
 */
export async function runShim(
  source: string | undefined,
  env: Record<string, string> = {},
  flags: string[] = [],
): Promise<RunningShim> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'thaw-shim-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'shim.mjs');
  await writeFile(path, await guestProgram('shim'));
  if (source !== undefined) await writeFile(join(directory, 'index.mjs'), source);

  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  const connected = Promise.withResolvers<Socket>();
  const agent = createServer((socket) => {
    connected.resolve(socket);
    socket.on('error', () => {});
    createInterface({ input: socket }).on('line', (line) => {
      const next = waiting.shift();
      if (next) next(line);
      else lines.push(line);
    });
  });
  agent.listen(join(directory, 'agent.sock'));
  await once(agent, 'listening');
  stack.defer(() => void agent.close());

  const port = await freePort();
  const child = spawn(process.execPath, [...flags, path, ...(source === undefined ? [] : ['index.mjs', 'index.ts'])], {
    cwd: directory,
    env: { PORT: String(port), THAW_SOCKET: join(directory, 'agent.sock'), ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  stack.defer(async () => {
    child.kill('SIGKILL');
    await ended;
    (await Promise.race([connected.promise, undefined]))?.destroy();
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  await Promise.race([listening(port, ended), ended]);
  const closing = stack.move();
  const heard = () => {
    const line = lines.shift();
    return line === undefined ? new Promise<string>((resolve) => waiting.push(resolve)) : Promise.resolve(line);
  };
  return {
    process: child,
    directory,
    url: `http://127.0.0.1:${port}/`,
    errors: () => errors,
    heard,
    async tell(line) {
      (await connected.promise).write(`${line}\n`);
      for (;;) {
        const answer = await heard();
        if (!answer.startsWith('pending ')) return answer;
      }
    },
    ended,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(port: number, ended: Promise<unknown>): Promise<void> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over) {
    const open = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-probe': '1', 'x-thaw-warmup': '1' } }).then(
      (answer) => answer.body?.cancel().then(() => true) ?? true,
      () => false,
    );
    if (open) return;
    await sleep(20);
  }
}
