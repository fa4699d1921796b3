import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { step } from '../guest/command.ts';
import { isRecord } from '../guest/package-json.ts';
import { firstOf, hashOf, type Install } from '../guest/project.ts';
import { Failed } from '../guest/say.ts';

/** What names a project's packages; the first that is there counts. */
const MANIFESTS = ['uv.lock', 'requirements.txt', 'pyproject.toml'];
export const VENV = '.venv';
/**
 * Without a pip of its own: to install that one takes longer than the packages. The system's pip installs into it.
 */
const MAKE_VENV = ['python3', '-m', 'venv', '--without-pip', VENV];
/** Without compiling: what the app imports is compiled when it starts, before it is frozen; the rest never is. */
const QUIET = ['--disable-pip-version-check', '--no-input', '--no-compile', '--progress-bar', 'off', '--quiet'];
/** Lines of a requirements file that make pip read others of the tree. */
const READS_MORE =
  /^\s*(-[rcef]|--(requirement|constraint|editable|find-links)\b|\.{0,2}\/|\.\s*$|\.\[|file:)|@\s*file:/m;

/** With what makes pip and uv install into the virtual environment of a tree. */
export function inVenv(root: string, env: Record<string, string>): Record<string, string> {
  const python = `${root}/${VENV}/bin/python`;
  return { ...env, PIP_PYTHON: python, UV_PYTHON: python };
}

interface Steps {
  /** As people know it. */
  command: string;
  /** Arguments of the tools, run one after the other. */
  tools: string[][];
  /** It may read more than the manifests, such as the project's own code. */
  readsMore: boolean;
}

export function manifestOf(root: string): Promise<string | undefined> {
  return firstOf(root, MANIFESTS);
}

/** The install step of a project in Python: its packages in a virtual environment in the tree. */
export async function pythonInstall(root: string, manifest: string): Promise<Install> {
  const { command, tools, readsMore } = await stepsOf(root, manifest);
  const said = tools.map((argv) => argv.join(' '));
  return {
    command,
    key: readsMore ? undefined : await hashOf(root, [...MANIFESTS, '.python-version', 'uv.toml'], ...said),
    async run({ root: at, env, tell, signal }) {
      tell({ say: `Installing dependencies (${command})` });
      // A version that .python-version names is not there; `requires-python` is still checked.
      const options = { cwd: at, env: inVenv(at, env), tell, signal };
      await step('Making the virtual environment', MAKE_VENV, options);
      for (const argv of tools) await step(`Installing the dependencies (${command})`, argv, options);
    },
  };
}

async function stepsOf(root: string, manifest: string): Promise<Steps> {
  const pip = (...what: string[]) => ['python3', '-m', 'pip', 'install', ...QUIET, ...what];
  if (manifest === 'requirements.txt') {
    const text = await readFile(join(root, manifest), 'utf8');
    const command = 'pip install -r requirements.txt';
    return { command, tools: [pip('-r', manifest)], readsMore: READS_MORE.test(text) };
  }
  const { builds, dependencies } = await readPyproject(root);
  if (manifest === 'uv.lock') {
    // A project that is a package is installed too. Not by a link: it is elsewhere when it runs.
    const sync = [`${VENV}/bin/uv`, 'sync', '--frozen', '--no-dev', '--no-editable', '--no-progress'];
    return { command: 'uv sync --frozen', tools: [pip('uv'), sync], readsMore: builds };
  }
  if (builds || dependencies === undefined) {
    return { command: 'pip install .', tools: [pip('.')], readsMore: true };
  }
  // An app that is no package: pip would guess how to make one of it, and refuses where it cannot.
  const command = 'pip install the dependencies of pyproject.toml';
  const readsMore = dependencies.some((dependency) => READS_MORE.test(dependency));
  return { command, tools: dependencies.length === 0 ? [] : [pip('--', ...dependencies)], readsMore };
}

/** What pyproject.toml says: whether the project is a package that can be built, and its packages unless code names them. */
async function readPyproject(root: string): Promise<{ builds: boolean; dependencies: string[] | undefined }> {
  const text = await readFile(join(root, 'pyproject.toml'), 'utf8').catch(() => '');
  const table = parsed(text);
  const project = isRecord(table.project) ? table.project : undefined;
  const named = project?.dependencies ?? [];
  const dynamic = Array.isArray(project?.dynamic) && project.dynamic.includes('dependencies');
  const plain = Array.isArray(named) && named.every((one): one is string => typeof one === 'string');
  return {
    builds: isRecord(table['build-system']),
    dependencies: project !== undefined && plain && !dynamic ? named : undefined,
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    throw new Failed(`pyproject.toml is not TOML: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** Programs in a virtual environment name their interpreter by the path that it had when they were installed. */
export async function relocate(root: string, runtimeRoot: string): Promise<void> {
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
