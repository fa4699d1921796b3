import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ThawError } from '../../platform/errors.ts';
import type { Recipe } from '../cache/artifact.ts';
import type { GoToolchain } from '../definition.ts';
import { run } from '../run.ts';

/** Under this name the Go project publishes its toolchains as a module; https://go.dev/doc/toolchain. */
const MODULE = 'golang.org/toolchain';
/** What a compiler does without. */
const LEFT_OUT = ['api', 'doc', 'misc', 'test', 'src/cmd'];

/** Where it is in an image, as its own installer has it. */
const GO_PATH = '/usr/local/go';
/** Its build cache in an image; `GOCACHE` of builds. */
const GO_CACHE = '/usr/local/go-cache';

const downloaded = z.object({ Dir: z.string(), Sum: z.string() });

/**
 * A Go toolchain as the module proxy has it. It is fetched by the host's Go, whose proxy and checksum settings therefore
 * hold; any version of Go can do that.
 *
 * Parts: `tar`, paths below the root of an image: the toolchain and a build cache. Building throws ThawError `unprocessable` when what came is not
 * what the definition names.
 */
export function toolchainRecipe(
  { version, sum }: GoToolchain,
  signal: AbortSignal,
  progress: (text: string) => void,
): Recipe<'tar'> {
  return {
    name: 'go-toolchain',
    definition: { version, sum, leftOut: LEFT_OUT, cache: GO_CACHE },
    parts: ['tar'],
    async build(dir) {
      const spec = `${MODULE}@v0.0.1-go${version}.linux-amd64`;
      progress(`fetching ${spec}`);
      const module = join(dir, 'module');
      const cache = join(dir, 'cache');
      await mkdir(module);
      await writeFile(join(module, 'go.mod'), 'module download\n');
      const env = { GOMODCACHE: cache, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
      const { Dir, Sum } = downloaded.parse(
        JSON.parse(await run('go', ['mod', 'download', '-json', spec], { cwd: module, env, signal })),
      );
      if (Sum !== sum) {
        throw new ThawError('unprocessable', `${spec} does not match its checksum.`, {
          hint: 'Check the module proxy that `go env GOPROXY` names.',
        });
      }
      // Modules are unpacked without any permission to execute or to write.
      await run('chmod', ['-R', 'u+w', cache], { signal });
      await executable(join(Dir, 'bin'));
      await executable(join(Dir, 'pkg/tool/linux_amd64'));
      for (const name of LEFT_OUT) await rm(join(Dir, name), { recursive: true, force: true });
      const stage = join(dir, 'stage');
      await mkdir(join(stage, dirname(GO_PATH)), { recursive: true });
      await rename(Dir, join(stage, GO_PATH));
      progress(`compiling the standard library of Go ${version}`);
      await compileLibrary(stage, signal);
      const places = [GO_PATH, GO_CACHE].map((path) => `.${path}`);
      const args = ['--create', `--file=${join(dir, 'tar')}`, `--directory=${stage}`, '--owner=0', '--group=0'];
      await run('tar', [...args, ...places], { signal });
      for (const used of [cache, module, stage]) await rm(used, { recursive: true });
      return {};
    },
  };
}

/**
 * Compiles the standard library into a build cache. An emulated guest would take minutes for it. Go runs in a root of its own,
 * for what it keeps goes by the path that it is at.
 */
async function compileLibrary(stage: string, signal: AbortSignal): Promise<void> {
  for (const name of ['dev', 'tmp']) await mkdir(join(stage, name));
  await run('cp', ['--archive', '/dev/null', join(stage, 'dev/null')], { signal });
  const env = { HOME: '/tmp', GOCACHE: GO_CACHE, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-buildvcs=false' };
  await run('chroot', [stage, join(GO_PATH, 'bin/go'), 'build', 'std'], { env, signal });
  // Builds in guests, which are another user's, add to it.
  await run('chmod', ['-R', 'a+rwX', join(stage, GO_CACHE)], { signal });
}

async function executable(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await chmod(join(directory, name), 0o755);
}
