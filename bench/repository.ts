import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ThawError } from '../platform/errors.ts';

/** A git repository in a temporary folder. */
export interface Repository extends AsyncDisposable {
  /** Commits `index.js` with this text. */
  commit(source: string): Promise<void>;
  /** Commits these files, beside what is there. */
  write(files: Record<string, string>): Promise<void>;
  /** Pushes `main`. @returns milliseconds from the call until git has ended. @throws ThawError with what git printed */
  push(remote: string): Promise<number>;
}

const AUTHOR = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost'];

export async function createRepository(): Promise<Repository> {
  const path = await mkdtemp(join(tmpdir(), 'thaw-bench-git-'));
  const git = (...args: string[]) =>
    promisify(execFile)('git', [...AUTHOR, ...args], {
      cwd: path,
      env: { ...process.env, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' },
    });
  await git('init', '-q', '-b', 'main');
  const write = async (files: Record<string, string>) => {
    for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content);
    await git('add', '-A');
    await git('commit', '-q', '-m', 'change');
  };
  return {
    write,
    commit: (source) => write({ 'index.js': source }),
    async push(remote) {
      const began = performance.now();
      await git('push', '-q', remote, 'main').catch((cause: Error & { stderr?: string }) => {
        throw new ThawError('build_failed', `The push was rejected.\n${cause.stderr ?? ''}`, { cause });
      });
      return performance.now() - began;
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** The smallest function. */
export function hello(text: string): string {
  return `export default { fetch: () => new Response(${JSON.stringify(text)}) };\n`;
}

/** A function that tells its own name and the host name of the VM that it runs in, which no other VM has. */
export function helloFrom(name: string): string {
  return `import { hostname } from 'node:os';
export default { fetch: () => new Response(${JSON.stringify(`${name} on `)} + hostname()) };
`;
}

/** A web app on Node with packages of the registry. */
export function webApp(text: string): Record<string, string> {
  return {
    'server.js': `const express = require('express');
express().get('/', (request, response) => response.send(${JSON.stringify(text)})).listen(process.env.PORT);
`,
    'package.json': JSON.stringify({ scripts: { start: 'node server.js' }, dependencies: { express: '5.1.0' } }),
  };
}
