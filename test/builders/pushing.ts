import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import type { Builders, BuildSettings } from '../../builders/contract.ts';
import { openBuilders } from '../../builders/open.ts';
import type { Control } from '../../platform/control/contract.ts';
import { openControl } from '../../platform/control/open.ts';
import { createLog, silentLog } from '../../platform/log.ts';
import { ProcessHost } from './process-host.ts';

/** A real control plane, git room and HTTP server on loopback. */
export interface Stand extends AsyncDisposable {
  control: Control;
  host: ProcessHost;
  builders: Builders;
  /** The admin key. */
  key: string;
  data: string;
  /** A remote's URL with a key in it. */
  remote(app: string, key?: string): string;
  /** Ends the server as a crash would leave the data, runs `meanwhile`, and starts another. */
  restart(meanwhile?: (control: Control) => Promise<void>): Promise<void>;
}

export async function openStand(settings: Partial<BuildSettings> = {}): Promise<Stand> {
  const data = await mkdtemp(join(tmpdir(), 'thaw-builders-'));
  const host = new ProcessHost();
  let running = await start(data, host, settings);
  return {
    host,
    data,
    get control() {
      return running.control;
    },
    get builders() {
      return running.builders;
    },
    get key() {
      return readFileSync(join(data, 'admin.key'), 'utf8').trim();
    },
    remote(app, key = readFileSync(join(data, 'admin.key'), 'utf8').trim()) {
      return `http://git:${key}@127.0.0.1:${running.port}/git/${app}.git`;
    },
    async restart(meanwhile) {
      await running.stack.disposeAsync();
      if (meanwhile) {
        await using control = await openControl({ databaseUrl: undefined, dataDir: data, log: silentLog() });
        await meanwhile(control);
      }
      running = await start(data, host, settings);
    },
    async [Symbol.asyncDispose]() {
      await running.stack.disposeAsync();
      await host[Symbol.asyncDispose]();
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function start(data: string, host: ProcessHost, settings: Partial<BuildSettings>) {
  await using opening = new AsyncDisposableStack();
  const control = opening.use(await openControl({ databaseUrl: undefined, dataDir: data, log: silentLog() }));
  const builders = opening.use(
    await openBuilders({
      host: host.asHost(),
      control,
      log: createLog(process.env.LOG ?? 'silent'),
      settings: {
        maxSourceBytes: 4 * 1024 * 1024,
        buildTimeoutMs: 60_000,
        startTimeoutMs: 30_000,
        maxConcurrentBuilds: 1,
        caBundle: '',
        npmrc: '',
        registryHosts: [],
        egressProxy: 'http://127.0.0.1:1',
        ...settings,
      },
      url: (app, branch) => `http://${branch === 'main' ? '' : `${branch}--`}${app}.localhost/`,
      repos: join(data, 'git'),
      node: process.execPath,
    }),
  );
  await builders.reconcile();
  const server = serve({ fetch: new Hono().route('/git', builders.git).fetch, port: 0, hostname: '127.0.0.1' });
  await once(server, 'listening');
  opening.defer(async () => {
    const closed = once(server, 'close');
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
    await closed;
  });
  return { control, builders, port: (server.address() as AddressInfo).port, stack: opening.move() };
}

export interface Outcome {
  code: number | null;
  /** Standard output and error together. */
  text: string;
  /** What the server said. */
  remote: string[];
}

/** A git working tree in a temporary folder, used through the real client. */
export class WorkTree implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(files: Record<string, string | Uint8Array>): Promise<WorkTree> {
    const tree = new WorkTree(await mkdtemp(join(tmpdir(), 'thaw-worktree-')));
    await tree.git('init', '-q', '-b', 'main');
    await tree.commit(files);
    return tree;
  }

  /** Writes files, commits them, and gives back the commit. */
  async commit(files: Record<string, string | Uint8Array>): Promise<string> {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(this.path, name)), { recursive: true });
      await writeFile(join(this.path, name), content);
    }
    await this.git('add', '-A');
    await this.git('commit', '-q', '-m', 'change', '--allow-empty');
    return (await this.git('rev-parse', 'HEAD')).text.trim();
  }

  async git(...args: string[]): Promise<Outcome> {
    return this.start(args).done;
  }

  /** Starts git; `seen` waits for the server to say something. */
  start(args: string[]) {
    const child = spawn('git', args, {
      cwd: this.path,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let text = '';
    const seen = (pattern: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const look = () => pattern.test(text) && resolve();
        child.stderr.on('data', look);
        child.once('close', () => reject(new Error(`never said ${pattern}: ${text}`)));
        look();
      });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    const done = once(child, 'close').then(([code]): Outcome => {
      const remote = [...text.matchAll(/^remote: ?(.*?)\s*$/gm)].map(([, line = '']) => line);
      return { code, text, remote };
    });
    /** As Ctrl-C in a terminal: git and its helper for HTTP both hear it. */
    const interrupt = () => process.kill(-(child.pid ?? 0), 'SIGINT');
    return { interrupt, done, seen };
  }

  push(remote: string, ...refs: string[]): Promise<Outcome> {
    return this.git('push', remote, ...(refs.length > 0 ? refs : ['main']));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

function environment(): Record<string, string | undefined> {
  const author = {
    GIT_AUTHOR_NAME: 'T',
    GIT_AUTHOR_EMAIL: 't@example.org',
    GIT_COMMITTER_NAME: 'T',
    GIT_COMMITTER_EMAIL: 't@example.org',
  };
  return {
    ...author,
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    LANG: 'C.UTF-8',
  };
}

/** Waits for something that no event tells of. */
export async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 5) {
    if (waited > 10_000) throw new Error(`never so: ${holds}`);
    await sleep(5);
  }
}

export const HELLO = "export default { fetch() { return new Response('hello') } };\n";
