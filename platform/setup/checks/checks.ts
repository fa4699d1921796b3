import { join } from 'node:path';
import { GO_ENVIRONMENT, GO_MODULES, hasGo } from '../go.ts';
import { readImports } from '../laws/imports.ts';
import { violations } from '../laws/violations.ts';
import { program } from '../program.ts';

export interface Outcome {
  state: 'ok' | 'failed' | 'skipped';
  /** What is wrong, or why it was skipped. */
  said: string;
}

export interface Check {
  name: string;
  run(signal: AbortSignal): Promise<Outcome>;
}

/** Everything that is checked without running Thaw. None writes to the repository at `root`. */
export function checks(root: string): Check[] {
  const tool = (name: string, script: string, ...argv: string[]): Check => ({
    name,
    run: (signal) => passes([process.execPath, join(root, 'node_modules', script), ...argv], root, signal),
  });
  return [
    tool('types', 'typescript/bin/tsc', '--noEmit', '--project', root),
    tool('lint and format', '@biomejs/biome/bin/biome', 'check', '--error-on-warnings', root),
    tool('dead code', 'knip/bin/knip.js', '--no-progress'),
    { name: 'law of imports', run: () => imports(root) },
    ...GO_MODULES.map((module) => ({
      name: `go ${module}`,
      run: (signal: AbortSignal) => goModule(join(root, module), signal),
    })),
  ];
}

async function imports(root: string): Promise<Outcome> {
  const broken = violations(await readImports(root));
  return { state: broken.length === 0 ? 'ok' : 'failed', said: broken.join('\n') };
}

async function goModule(directory: string, signal: AbortSignal): Promise<Outcome> {
  if (!(await hasGo(signal))) return { state: 'skipped', said: 'There is no Go here; `npm run setup` installs it.' };
  const unformatted = await program(['gofmt', '-l', '.'], { cwd: directory, signal });
  if (unformatted.code !== 0 || unformatted.said !== '') {
    return { state: 'failed', said: `gofmt would change:\n${unformatted.said}` };
  }
  return passes(['go', 'vet', './...'], directory, signal, GO_ENVIRONMENT);
}

async function passes(
  argv: string[],
  cwd: string,
  signal: AbortSignal,
  env: Record<string, string> = {},
): Promise<Outcome> {
  const { code, said } = await program(argv, { cwd, env, signal });
  return { state: code === 0 ? 'ok' : 'failed', said };
}
