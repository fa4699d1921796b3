import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as esbuild from 'esbuild';
import type { Built, Line, Plan } from '../../builders/guest/say.ts';
import { Work } from '../../builders/guest/work.ts';

/** A tree in a temporary folder that the build program works on, as it does in a builder VM. */
export interface Tree extends AsyncDisposable {
  path: string;
  said: Line[];
  /** Looks at it, installs what it needs and builds it, as the platform does. */
  build(): Promise<Built & { entry: string; name: string }>;
  /** Looks at it. */
  inspect(): Promise<Plan>;
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
  const work = new Work(esbuild);
  const tell = (line: Line) => void said.push(line);
  const { signal } = new AbortController();
  const inspect = async () => {
    const line = await work.carryOut({ do: 'inspect', tree: path, runtimeRoot: path, env: {} }, tell, signal);
    if (!('plan' in line)) throw new Error('no plan');
    return line.plan;
  };
  return {
    path,
    said,
    inspect,
    async build() {
      const { detected, install } = await inspect();
      said.push({ say: `Detected: ${detected}` });
      if (install !== undefined) await work.carryOut({ do: 'install' }, tell, signal);
      const line = await work.carryOut({ do: 'build' }, tell, signal);
      if (!('built' in line)) throw new Error('nothing was built');
      return { entry: '', name: '', ...line.built };
    },
    link: (name, target) => symlink(target, join(path, name)),
    [Symbol.asyncDispose]: () => rm(around, { recursive: true, force: true }),
  };
}
