import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe } from './cache/artifact.ts';
import { run } from './run.ts';

const FLAGS = ['-trimpath', '-ldflags=-s -w -buildid='];

/** Our programs use the standard library alone: nothing may be fetched, another Go release neither. */
const ENVIRONMENT = {
  CGO_ENABLED: '0',
  GOOS: 'linux',
  GOARCH: 'amd64',
  GOFLAGS: '',
  GOPROXY: 'off',
  GOTOOLCHAIN: 'local',
  GOWORK: 'off',
};

/**
 * A Go module of this repository, compiled into one static program.
 *
 * Parts: `program`. Facts: those that `facts` finds in the sources.
 *
 * @param dir the module's directory
 */
export async function goProgramRecipe<Name extends string>(
  name: Name,
  dir: string,
  options: {
    facts?: (source: Record<string, string>) => Record<string, string>;
    signal: AbortSignal;
    progress: (text: string) => void;
  },
): Promise<Recipe<'program'>> {
  const source = await readSource(dir);
  return {
    name,
    definition: { format: 1, flags: FLAGS, environment: ENVIRONMENT, source },
    parts: ['program'],
    async build(work) {
      options.progress(`compiling the ${name}`);
      const program = join(work, 'program');
      await run('go', ['build', ...FLAGS, '-o', program, '.'], { cwd: dir, signal: options.signal, env: ENVIRONMENT });
      await chmod(program, 0o755);
      return options.facts?.(source) ?? {};
    },
  };
}

/** Names and texts of the files that are compiled. */
async function readSource(dir: string): Promise<Record<string, string>> {
  const names = (await readdir(dir)).filter((name) => /\.(go|s)$|^go\.mod$/.test(name) && !name.endsWith('_test.go'));
  const texts: Record<string, string> = {};
  for (const name of names.sort()) texts[name] = await readFile(join(dir, name), 'utf8');
  return texts;
}
