import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ThawError } from '../../platform/errors.ts';
import type { Recipe } from '../cache/artifact.ts';
import type { GoToolchain } from '../definition.ts';
import { run } from '../run.ts';

/** Under this name the Go project publishes its toolchains as a module; https://go.dev/doc/toolchain. */
const MODULE = 'golang.org/toolchain';
/** What a compiler does without. */
const LEFT_OUT = ['api', 'doc', 'misc', 'test', 'src/cmd'];

const downloaded = z.object({ Dir: z.string(), Sum: z.string() });

/**
 * A Go toolchain as the module proxy has it. It is fetched by the host's Go, whose proxy and checksum settings therefore
 * hold; any version of Go can do that.
 *
 * Parts: `tar`, the tree that belongs at `/usr/local/go`. Building throws ThawError `unprocessable` when what came is not
 * what the definition names.
 */
export function toolchainRecipe(
  { version, sum }: GoToolchain,
  signal: AbortSignal,
  progress: (text: string) => void,
): Recipe<'tar'> {
  return {
    name: 'go-toolchain',
    definition: { version, sum, leftOut: LEFT_OUT },
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
      await run(
        'tar',
        ['--create', `--file=${join(dir, 'tar')}`, `--directory=${Dir}`, '--owner=0', '--group=0', '.'],
        {
          signal,
        },
      );
      await rm(cache, { recursive: true });
      await rm(module, { recursive: true });
      return {};
    },
  };
}

async function executable(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await chmod(join(directory, name), 0o755);
}
