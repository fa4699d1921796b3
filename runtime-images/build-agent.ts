import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../platform/errors.ts';
import type { Recipe } from './cache/artifact.ts';
import { run } from './run.ts';

const FLAGS = ['-trimpath', '-ldflags=-s -w -buildid='];

/** The agent uses the standard library alone: nothing may be fetched, another Go release neither. */
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
 * The guest's agent, compiled into one static program.
 *
 * Parts: `program`. Facts: `version`, as the agent itself answers it.
 *
 * @param dir its Go module
 */
export async function agentRecipe(
  dir: string,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<Recipe<'program'>> {
  const source = await readSource(dir);
  return {
    name: 'agent',
    definition: { format: 1, flags: FLAGS, environment: ENVIRONMENT, source },
    parts: ['program'],
    async build(work) {
      progress('compiling the agent');
      const program = join(work, 'program');
      await run('go', ['build', ...FLAGS, '-o', program, '.'], { cwd: dir, signal, env: ENVIRONMENT });
      await chmod(program, 0o755);
      return { version: versionIn(source) };
    },
  };
}

/** Names and texts of the files that are compiled. */
async function readSource(dir: string): Promise<Record<string, string>> {
  const names = (await readdir(dir)).filter(
    (name) => (name.endsWith('.go') || name === 'go.mod') && !name.endsWith('_test.go'),
  );
  const texts: Record<string, string> = {};
  for (const name of names.sort()) texts[name] = await readFile(join(dir, name), 'utf8');
  return texts;
}

function versionIn(source: Record<string, string>): string {
  const version = /^const version = "([^"]+)"$/m.exec(source['version.go'] ?? '')?.[1];
  if (version === undefined) throw new ThawError('internal', "The agent's version.go names no version.");
  return version;
}
