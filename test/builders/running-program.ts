import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Asked, Line } from '../../builders/guest/say.ts';

const PROGRAM = fileURLToPath(new URL('../../builders/guest/main.ts', import.meta.url));
const ESBUILD = fileURLToPath(new URL('../../node_modules/esbuild/lib/main.js', import.meta.url));

/** The build program as a process of this machine, with a directory for trees. */
export interface RunningProgram extends AsyncDisposable {
  /** Real path. */
  directory: string;
  /** Writes a tree and gives back its path. */
  tree(name: string, files: Record<string, string>): Promise<string>;
  /** Gives an order and waits for all lines. */
  order(asked: Asked, signal?: AbortSignal): Promise<Line[]>;
}

export async function openProgram(): Promise<RunningProgram> {
  const directory = await mkdtemp(join(tmpdir(), 'thaw-build-program-'));
  const port = await freePort();
  // Tools keep what they fetch below the home; only Go's compiled library is worth sharing.
  const env = { ...process.env, HOME: directory, GOCACHE: join(homedir(), '.cache/go-build') };
  const child = spawn(process.execPath, [PROGRAM, String(port), ESBUILD], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}/`;
  while (!(await listens(url))) {
    if (child.exitCode !== null) throw new Error('the build program ended');
    await sleep(20);
  }
  return {
    directory,
    async tree(name, files) {
      const path = join(directory, name);
      await mkdir(path);
      for (const [file, content] of Object.entries(files)) {
        await mkdir(dirname(join(path, file)), { recursive: true });
        await writeFile(join(path, file), content);
      }
      return path;
    },
    async order(asked, signal) {
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify(asked), signal: signal ?? null });
      const text = await answer.text();
      return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
    },
    async [Symbol.asyncDispose]() {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
      await rm(directory, { recursive: true, force: true });
    },
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

async function listens(url: string): Promise<boolean> {
  // An order that is none is answered, and changes nothing.
  return fetch(url, { method: 'POST', body: '{"mask":[]}' }).then(
    () => true,
    () => false,
  );
}
