import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Project, Source } from '../guest/project.ts';
import { Failed } from '../guest/say.ts';
import { commandApp } from './command-app.ts';

const RUN = new Set(['web', 'worker', 'release']);
const LINE = /^([A-Za-z0-9_-]+):\s*(.+?)\s*$/;

/** A `Procfile`, as Heroku has them: `web` answers, `worker` runs beside it, `release` is run before both are put in front. */
export async function procfile(project: Project): Promise<Source | undefined> {
  const text = await readFile(join(project.root, 'Procfile'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const processes = new Map<string, string>();
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const [, name, command] = LINE.exec(line) ?? [];
    if (name === undefined || command === undefined) {
      throw new Failed(`Line ${at + 1} of the Procfile is not \`name: command\`.`);
    }
    processes.set(name, command);
  }
  const web = processes.get('web');
  if (web === undefined) throw new Failed('The Procfile has no `web:` line, so nothing would answer requests.');
  const source = await commandApp(project, web, 'Procfile web');
  const [release, worker] = [processes.get('release'), processes.get('worker')];
  const others = [...processes.keys()].filter((name) => !RUN.has(name));
  return {
    ...source,
    async build(installed) {
      for (const name of others)
        installed.tell({ say: `\`${name}\` of the Procfile is not run: only ${[...RUN].join(', ')} are.` });
      return {
        ...(await source.build(installed)),
        ...(release === undefined ? {} : { release }),
        ...(worker === undefined ? {} : { worker }),
      };
    },
  };
}
