import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shell, step } from '../guest/command.ts';
import { exists } from '../guest/inside.ts';
import { hashOf, type Install, type Project, type Source } from '../guest/project.ts';
import { type Built, Failed } from '../guest/say.ts';
import { startOf } from './start-script.ts';

const BINARY = '.thaw/app';
const DOWNLOAD = 'go mod download';

/** A program in Go: `package main` at the top, or the only one under `cmd`. */
export async function goSource(project: Project): Promise<Source | undefined> {
  const { root, settings } = project;
  if (settings.runtime !== undefined && settings.runtime !== 'go') return undefined;
  if (!(await exists(join(root, 'go.mod')))) return undefined;
  const main = await mainPackage(root);
  return goApp(project, undefined, `Go web app (go.mod, ${main})`, main);
}

/** A program in Go, started by itself or by a command line. */
export async function goApp(
  project: Project,
  start: string | undefined,
  detected: string,
  main: string,
): Promise<Source> {
  const { root, runtimeRoot, settings } = project;
  return {
    detected,
    ...((await needsModules(root)) ? { install: await download(root) } : {}),
    async build({ root: at, env, tell, signal }): Promise<Built> {
      const command = settings.build ?? `go build -o ${BINARY} ${main}`;
      tell({ say: `Building (${command})` });
      await shell('The build step', command, { cwd: at, env: { CGO_ENABLED: '0', ...env }, tell, signal });
      const argv = start === undefined ? [`${runtimeRoot}/${BINARY}`] : startOf(start, runtimeRoot, []);
      if (start === undefined && !(await exists(join(at, BINARY)))) {
        throw new Failed(`The build left no program at ${BINARY}.`, {
          hint: 'Say how it is started: `start` in thaw.toml.',
        });
      }
      return { kind: 'web', runtime: 'base', root: '', argv };
    },
  };
}

async function download(root: string): Promise<Install> {
  return {
    command: DOWNLOAD,
    key: await hashOf(root, ['go.mod', 'go.sum', 'go.work', 'go.work.sum'], DOWNLOAD),
    async run({ root: at, env, tell, signal }) {
      tell({ say: `Installing dependencies (${DOWNLOAD})` });
      await step(`Installing the dependencies (${DOWNLOAD})`, DOWNLOAD.split(' '), { cwd: at, env, tell, signal });
    },
  };
}

/** A program that needs the standard library alone, or has its modules beside it, installs nothing. */
async function needsModules(root: string): Promise<boolean> {
  if (await exists(join(root, 'go.work'))) return true;
  if (await exists(join(root, 'vendor/modules.txt'))) return false;
  const text = await readFile(join(root, 'go.mod'), 'utf8').catch(() => '');
  return /^\s*require\b/m.test(text);
}

async function mainPackage(root: string): Promise<string> {
  if (await isMain(root)) return '.';
  const commands = await readdir(join(root, 'cmd'), { withFileTypes: true }).catch(() => []);
  const mains: string[] = [];
  for (const { name } of commands.filter((entry) => entry.isDirectory())) {
    if (await isMain(join(root, 'cmd', name))) mains.push(`./cmd/${name}`);
  }
  const [only, ...others] = mains;
  if (only !== undefined && others.length === 0) return only;
  const found =
    only === undefined ? 'no package main at the top or under cmd' : `several programs: ${mains.join(', ')}`;
  throw new Failed(`There is a go.mod, but ${found}.`, {
    hint: 'Say which in thaw.toml, e.g. build = "go build -o .thaw/app ./cmd/server".',
  });
}

async function isMain(directory: string): Promise<boolean> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.endsWith('.go') || name.endsWith('_test.go')) continue;
    if (/^package main\b/m.test(await readFile(join(directory, name), 'utf8'))) return true;
  }
  return false;
}
