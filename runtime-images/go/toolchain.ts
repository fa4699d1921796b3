import { chmod, copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ThawError } from '../../platform/errors.ts';
import type { Recipe } from '../cache/artifact.ts';
import type { GoToolchain } from '../definition.ts';
import { run } from '../run.ts';
import { compileLibrary, LIBRARY } from './library.ts';

/** Under this name the Go project publishes its toolchains as a module; https://go.dev/doc/toolchain. */
const MODULE = 'golang.org/toolchain';
/** Where it is in an image, as its own installer has it. */
const GO_PATH = '/usr/local/go';
/** What a compiler does without: its own source, and the tests of its library. */
const LEFT_OUT = ['src/cmd'];
const TESTS = ['-name', 'testdata', '-o', '-name', '*_test.go'];

const downloaded = z.object({ Dir: z.string(), Sum: z.string() });

/**
 * A Go toolchain as the module proxy has it. It is fetched by the host's Go, whose proxy and checksum settings therefore
 * hold; any version of Go since 1.16 can do that.
 *
 * Parts: `tar`, paths below the root of an image. Building throws ThawError `unprocessable` when what came is not what the
 * definition names.
 */
export function toolchainRecipe(
  { version, sum }: GoToolchain,
  signal: AbortSignal,
  progress: (text: string) => void,
): Recipe<'tar'> {
  return {
    name: 'go-toolchain',
    definition: { format: 2, version, sum, path: GO_PATH, leftOut: [LEFT_OUT, TESTS], library: LIBRARY },
    parts: ['tar'],
    async build(dir) {
      const work = join(dir, 'work');
      const stage = join(work, 'stage');
      const go = join(stage, GO_PATH);
      await mkdir(dirname(go), { recursive: true });
      progress(`fetching Go ${version}`);
      await rename(await fetched({ version, sum }, work, signal), go);
      await complete(go, signal);
      progress(`compiling the standard library of Go ${version}`);
      await compileLibrary(go, join(work, 'cache'), signal);
      const args = ['--create', `--file=${join(dir, 'tar')}`, `--directory=${stage}`, '--owner=0', '--group=0'];
      await run('tar', [...args, `.${GO_PATH}`], { signal });
      await rm(work, { recursive: true });
      return {};
    },
  };
}

/** @returns the directory that the module was unpacked to, somewhere in `work` */
async function fetched({ version, sum }: GoToolchain, work: string, signal: AbortSignal): Promise<string> {
  const spec = `${MODULE}@v0.0.1-go${version}.linux-amd64`;
  const env = { GOMODCACHE: join(work, 'modules'), GOFLAGS: '-modcacherw', GOTOOLCHAIN: 'local', GOWORK: 'off' };
  await writeFile(join(work, 'go.mod'), 'module download\n');
  const told = await run('go', ['mod', 'download', '-json', spec], { cwd: work, env, signal });
  const { Dir, Sum } = downloaded.parse(JSON.parse(told));
  if (Sum === sum) return Dir;
  throw new ThawError('unprocessable', `${spec} does not match its checksum.`, {
    hint: 'Check the module proxy that `go env GOPROXY` names.',
  });
}

/** Undoes what a toolchain goes through to be a module, as Go's own `cmd/go/internal/toolchain` does, and thins it out. */
async function complete(go: string, signal: AbortSignal): Promise<void> {
  // Modules are unpacked without any permission to execute.
  for (const directory of ['bin', 'pkg/tool/linux_amd64']) {
    for (const name of await readdir(join(go, directory))) await chmod(join(go, directory, name), 0o755);
  }
  // A module holds no other module.
  await copyFile(join(go, 'src/_go.mod'), join(go, 'src/go.mod'));
  for (const name of LEFT_OUT) await rm(join(go, name), { recursive: true, force: true });
  await run('find', [join(go, 'src'), '(', ...TESTS, ')', '-prune', '-exec', 'rm', '-r', '{}', '+'], { signal });
}
