import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Project } from './project.ts';

const PUBLIC = 'https://registry.npmjs.org/';

/** The npm registry of a project: its own .npmrc's, or the platform's. No slash at its end. */
export async function registryOf({ root, env }: Pick<Project, 'root' | 'env'>): Promise<string> {
  const own = await readRegistry(join(root, '.npmrc'));
  const platform = env.npm_config_userconfig;
  const registry = own ?? (platform === undefined ? undefined : await readRegistry(platform)) ?? PUBLIC;
  return registry.replace(/\/$/, '');
}

async function readRegistry(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  // Of several lines the last one counts.
  return [...text.matchAll(/^\s*registry\s*=\s*(https?:\/\/[^\s"'$]+)/gm)].at(-1)?.[1];
}
