import { firstOf, type Project, type Source } from '../guest/project.ts';
import { Failed } from '../guest/say.ts';
import { goApp } from './go.ts';
import { nodeApp } from './node-web.ts';
import { pythonApp } from './python.ts';

/** Files that tell what a tree is written in, in order. */
const SIGNS: [file: string, runtime: 'node' | 'python' | 'go'][] = [
  ['package.json', 'node'],
  ['requirements.txt', 'python'],
  ['pyproject.toml', 'python'],
  ['uv.lock', 'python'],
  ['go.mod', 'go'],
];

/** A program that is started by a command line of its author's, whatever it is written in. */
export async function commandApp(project: Project, start: string, by: string): Promise<Source> {
  const runtime = project.settings.runtime ?? (await guessed(project.root));
  if (runtime === 'python') return pythonApp(project, start, `Python web app (${by})`);
  if (runtime === 'go') return goApp(project, start, `Go web app (${by})`, '.');
  if (runtime === 'static') {
    throw new Failed('A static site is not started: `start` and `runtime = "static"` exclude each other.');
  }
  return nodeApp(project, start, `Node web app (${by})`);
}

async function guessed(root: string): Promise<'node' | 'python' | 'go'> {
  const sign = await firstOf(
    root,
    SIGNS.map(([file]) => file),
  );
  return SIGNS.find(([file]) => file === sign)?.[1] ?? 'node';
}
