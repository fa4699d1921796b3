import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shell, step } from '../guest/command.ts';
import { exists } from '../guest/inside.ts';
import { firstOf, hashOf, type Install, type Project, type Source } from '../guest/project.ts';
import { type Built, Failed } from '../guest/say.ts';
import { startOf } from './start-script.ts';

const MANIFESTS = ['uv.lock', 'requirements.txt', 'pyproject.toml'];
/** Where an `app` is looked for, in order. */
const MODULES = ['main', 'app', 'wsgi', 'asgi', 'server', 'src/main', 'src/app', 'app/main', 'api/main'];
const VENV = '.venv';
const PROGRAMS = [`${VENV}/bin`];
/** Frameworks by what they speak. */
const ASGI = /\b(fastapi|starlette|quart|litestar|sanic|asgiref|get_asgi_application)\b/i;
/** Without compiling: what the app imports is compiled when it starts, before it is frozen; the rest never is. */
const PIP = ['--disable-pip-version-check', '--no-input', '--no-compile', '--progress-bar', 'off', '--quiet'];

/** A web app in Python: an ASGI or WSGI `app` in one of the usual modules. */
export async function python(project: Project): Promise<Source | undefined> {
  const { root, settings } = project;
  if (settings.runtime !== undefined && settings.runtime !== 'python') return undefined;
  const manifest = await firstOf(root, MANIFESTS);
  if (manifest === undefined) return undefined;
  const app = await findApp(root);
  if (app === undefined) {
    throw new Failed(`There is a ${manifest}, but no \`app\` in ${MODULES.map((name) => `${name}.py`).join(', ')}.`, {
      hint: 'Name the app `app` in one of them, or say how it is started: `start` in thaw.toml, or `web:` in a Procfile.',
    });
  }
  return pythonApp(project, undefined, `Python web app (${manifest}, ${app.file})`, app);
}

/** A program in Python; without a command line, the server that is among its packages is started with the app. */
export async function pythonApp(
  project: Project,
  start: string | undefined,
  detected: string,
  app?: App,
): Promise<Source> {
  const { root, runtimeRoot, settings } = project;
  const manifest = await firstOf(root, MANIFESTS);
  return {
    detected,
    ...(manifest === undefined ? {} : { install: await installOf(root, manifest) }),
    async build(installed): Promise<Built> {
      const { root: at, env, tell } = installed;
      if (settings.build !== undefined) {
        tell({ say: `Building (${settings.build})` });
        await shell('The build step', `export PATH="${at}/${VENV}/bin:$PATH"; ${settings.build}`, {
          cwd: at,
          env,
          tell,
        });
      }
      await relocate(at, runtimeRoot);
      const argv = start === undefined ? await serverFor(at, runtimeRoot, app) : startOf(start, runtimeRoot, PROGRAMS);
      return {
        kind: 'web',
        runtime: 'python',
        root: '',
        argv,
        env: { PYTHONUNBUFFERED: '1', VIRTUAL_ENV: `${runtimeRoot}/${VENV}` },
      };
    },
  };
}

interface App {
  file: string;
  /** As servers take it, e.g. `src.main:app`. */
  name: string;
  asgi: boolean;
}

async function findApp(root: string): Promise<App | undefined> {
  for (const module of MODULES) {
    const file = `${module}.py`;
    const text = await readFile(join(root, file), 'utf8').catch(() => undefined);
    const name = /^(?:async\s+)?(?:def\s+)?(app|application)\b\s*[=(:]/m.exec(text ?? '')?.[1];
    if (text === undefined || name === undefined) continue;
    return { file, name: `${module.replaceAll('/', '.')}:${name}`, asgi: ASGI.test(text) };
  }
  return undefined;
}

async function installOf(root: string, manifest: string): Promise<Install> {
  const python = `${VENV}/bin/python`;
  const pip = [python, '-m', 'pip', 'install', ...PIP];
  const commands: Record<string, string[][]> = {
    'requirements.txt': [[...pip, '-r', 'requirements.txt']],
    'pyproject.toml': [[...pip, '.']],
    'uv.lock': [
      [...pip, 'uv'],
      [`${VENV}/bin/uv`, 'sync', '--frozen', '--no-dev', '--no-progress'],
    ],
  };
  const shown =
    {
      'requirements.txt': 'pip install -r requirements.txt',
      'pyproject.toml': 'pip install .',
      'uv.lock': 'uv sync --frozen',
    }[manifest] ?? '';
  // A requirements file may name others, and `pip install .` takes the project itself along.
  const own = await readFile(join(root, 'requirements.txt'), 'utf8').catch(() => '');
  const readsMore = manifest === 'pyproject.toml' || (manifest === 'requirements.txt' && /^\s*(-|\.|file:)/m.test(own));
  return {
    command: shown,
    key: readsMore ? undefined : await hashOf(root, [...MANIFESTS, '.python-version'], shown),
    async run({ root: at, env, tell }) {
      tell({ say: `Installing dependencies (${shown})` });
      const options = { cwd: at, env, tell };
      await step('Making the virtual environment', ['python3', '-m', 'venv', VENV], options);
      for (const argv of commands[manifest] ?? []) await step(`Installing the dependencies (${shown})`, argv, options);
    },
  };
}

/** Programs in a virtual environment name their interpreter by the path that it had when they were installed. */
async function relocate(root: string, runtimeRoot: string): Promise<void> {
  const bin = join(root, VENV, 'bin');
  for (const name of await readdir(bin).catch(() => [])) {
    const path = join(bin, name);
    const text = await readFile(path, 'latin1').catch(() => '');
    const old = /^#!(\S+)\/\.venv\/bin\/python\S*/.exec(text)?.[1];
    if (old !== undefined && old !== runtimeRoot) {
      await writeFile(path, text.replaceAll(`${old}/${VENV}`, `${runtimeRoot}/${VENV}`), 'latin1');
    }
  }
}

/** The server among the installed packages that fits the app. */
async function serverFor(root: string, runtimeRoot: string, app: App | undefined): Promise<string[]> {
  const python = `${runtimeRoot}/${VENV}/bin/python`;
  const has = (name: string) => exists(join(root, VENV, 'bin', name));
  if (app === undefined) throw new Failed('Nothing says how the app is started.');
  const exec = (command: string) => ['sh', '-c', `exec ${python} -m ${command}`];
  if (app.asgi) {
    if (await has('uvicorn')) return exec(`uvicorn ${app.name} --host 0.0.0.0 --port "$PORT"`);
    if (await has('hypercorn')) return exec(`hypercorn ${app.name} --bind "0.0.0.0:$PORT"`);
    throw new Failed(`${app.file} is an ASGI app, but no server for it is installed.`, {
      hint: 'Add uvicorn to the dependencies.',
    });
  }
  if (await has('gunicorn'))
    return exec(`gunicorn ${app.name} --bind "0.0.0.0:$PORT" --worker-tmp-dir /tmp --threads 8`);
  if (await has('waitress-serve')) return exec(`waitress --host 0.0.0.0 --port "$PORT" ${app.name}`);
  if (await has('uvicorn')) return exec(`uvicorn ${app.name} --interface wsgi --host 0.0.0.0 --port "$PORT"`);
  throw new Failed(`${app.file} is a WSGI app, but no server for it is installed.`, {
    hint: 'Add gunicorn to the dependencies.',
  });
}
