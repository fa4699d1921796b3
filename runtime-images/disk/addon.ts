import { run } from '../run.ts';

/**
 * Compiles a C file into a library that needs no other: what it does not define
 * itself, the program that loads it has.
 */
export async function compileAddon(source: string, output: string, signal: AbortSignal): Promise<void> {
  const flags = [
    '-shared',
    '-fPIC',
    '-nostdlib',
    '-O2',
    '-fvisibility=hidden',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-Wl,--build-id=none',
    '-s',
  ];
  await run('gcc', [...flags, '-o', output, source], { signal });
}
