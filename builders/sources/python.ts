import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shell } from '../guest/command.ts';
import { exists } from '../guest/inside.ts';
import type { Project, Source } from '../guest/project.ts';
import { type Built, Failed } from '../guest/say.ts';
import { inVenv, manifestOf, pythonInstall, relocate, VENV } from './python-install.ts';
import { startOf } from './start-script.ts';

/** Where an `app` is looked for, in order. */
const MODULES = ['main', 'app', 'wsgi', 'asgi', 'server', 'src/main', 'src/app', 'app/main', 'api/main'];
const PROGRAMS = [`${VENV}/bin`];
/** Frameworks by what they speak. */
const WSGI = /\b(flask|bottle|get_wsgi_application|wsgiref)\b/i;
const ASGI = /\b(fastapi|starlette|quart|litestar|sanic|asgiref|get_asgi_application)\b/i;

/** A web app in Python: an ASGI or WSGI `app` in one of the usual modules. */
export async function python(project: Project): Promise<Source | undefined> {
  const { root, settings } = project;
  if (settings.runtime !== undefined && settings.runtime !== 'python') return undefined;
  const manifest = await manifestOf(root);
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
  const manifest = await manifestOf(root);
  return {
    detected,
    ...(manifest === undefined ? {} : { install: await pythonInstall(root, manifest) }),
    async build(installed): Promise<Built> {
      const { root: at, env, tell, signal } = installed;
      if (settings.build !== undefined) {
        tell({ say: `Building (${settings.build})` });
        await shell('The build step', `export PATH="${at}/${VENV}/bin:$PATH"; ${settings.build}`, {
          cwd: at,
          env: inVenv(at, env),
          tell,
          signal,
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
  /** What it speaks, as far as its text tells. */
  speaks: 'asgi' | 'wsgi' | undefined;
}

function spokenIn(text: string): App['speaks'] {
  if (ASGI.test(text)) return 'asgi';
  return WSGI.test(text) ? 'wsgi' : undefined;
}

async function findApp(root: string): Promise<App | undefined> {
  for (const module of MODULES) {
    const file = `${module}.py`;
    const text = await readFile(join(root, file), 'utf8').catch(() => undefined);
    const name = /^(?:async\s+)?(?:def\s+)?(app|application)\b\s*[=(:]/m.exec(text ?? '')?.[1];
    if (text === undefined || name === undefined) continue;
    return { file, name: `${module.replaceAll('/', '.')}:${name}`, speaks: spokenIn(text) };
  }
  return undefined;
}

/** The server among the installed packages that fits the app. */
async function serverFor(root: string, runtimeRoot: string, app: App | undefined): Promise<string[]> {
  const python = `${runtimeRoot}/${VENV}/bin/python`;
  const has = (name: string) => exists(join(root, VENV, 'bin', name));
  if (app === undefined) throw new Failed('Nothing says how the app is started.');
  const exec = (command: string) => ['sh', '-c', `exec ${python} -m ${command}`];
  const asgi = async () => {
    if (await has('uvicorn')) return exec(`uvicorn ${app.name} --host 0.0.0.0 --port "$PORT"`);
    if (await has('hypercorn')) return exec(`hypercorn ${app.name} --bind "0.0.0.0:$PORT"`);
    return undefined;
  };
  const wsgi = async () => {
    if (await has('gunicorn')) {
      return exec(`gunicorn ${app.name} --bind "0.0.0.0:$PORT" --worker-tmp-dir /tmp --threads 8`);
    }
    if (await has('waitress-serve')) return exec(`waitress --host 0.0.0.0 --port "$PORT" ${app.name}`);
    return undefined;
  };
  const { speaks } = app;
  // The server that its author chose tells where the text does not.
  const found = (speaks === 'asgi' ? undefined : await wsgi()) ?? (speaks === 'wsgi' ? undefined : await asgi());
  if (found !== undefined) return found;
  if (speaks === 'wsgi' && (await has('uvicorn'))) {
    return exec(`uvicorn ${app.name} --interface wsgi --host 0.0.0.0 --port "$PORT"`);
  }
  const what = speaks === undefined ? 'a web app' : speaks === 'asgi' ? 'an ASGI app' : 'a WSGI app';
  throw new Failed(`${app.file} is ${what}, but no server for it is installed.`, {
    hint: `Add ${speaks === 'asgi' ? 'uvicorn' : 'gunicorn'} to the dependencies.`,
  });
}
