import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Project } from './project.ts';

/** The npm registry of a project: its own .npmrc's, the platform's, or npm's own. No slash at its end. */
export async function registryOf({ root, env }: Pick<Project, 'root' | 'env'>): Promise<string> {
  const own = await readRegistry(join(root, '.npmrc'));
  const platform = env.npm_config_userconfig;
  const told = own ?? (platform === undefined ? undefined : await readRegistry(platform));
  const registry =
    told ?? (await promisify(execFile)('npm', ['config', 'get', 'registry'], { cwd: root })).stdout.trim();
  return registry.replace(/\/$/, '');
}

async function readRegistry(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  // Of several lines the last one counts.
  return [...text.matchAll(/^\s*registry\s*=\s*(https?:\/\/[^\s"'$]+)/gm)].at(-1)?.[1];
}
