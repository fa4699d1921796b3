import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as esbuild from 'esbuild';
import { build } from '../../builders/function/guest/build.ts';
import type { Built, Line } from '../../builders/function/guest/say.ts';

/** A tree in a temporary folder that the build program works on, as it does in a builder VM. */
export interface Tree extends AsyncDisposable {
  path: string;
  said: Line[];
  build(): Promise<Built>;
  link(name: string, target: string): Promise<void>;
}

export async function tree(files: Record<string, string>): Promise<Tree> {
  const around = await mkdtemp(join(tmpdir(), 'thaw-tree-'));
  const path = join(around, 'src');
  await mkdir(path);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  const said: Line[] = [];
  return {
    path,
    said,
    build: () => build({ tree: path, runtimeRoot: path, esbuild, tell: (line) => said.push(line) }),
    link: (name, target) => symlink(target, join(path, name)),
    [Symbol.asyncDispose]: () => rm(around, { recursive: true, force: true }),
  };
}
