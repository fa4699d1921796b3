import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../settings/schema.ts';
import { exists } from './inside.ts';
import type { PackageJson } from './package-json.ts';
import type { Built, Tell } from './say.ts';

export type Esbuild = typeof import('esbuild');

/** A tree that is to be built. */
export interface Project {
  /** Real path of the tree. */
  root: string;
  /** Where it will be when it runs. */
  runtimeRoot: string;
  settings: Settings;
  packageJson: PackageJson | undefined;
  /** Environment of the tools: the platform's and the app's own. */
  env: Record<string, string>;
  esbuild: Esbuild;
  tell: Tell;
  /** Ends the tools that run. */
  signal: AbortSignal;
}

/** What an install step is. */
export interface Install {
  /** As people know it, e.g. `npm ci`. */
  command: string;
  /** What its outcome depends on, besides the environment; undefined when that cannot be told. */
  key: string | undefined;
  run(project: Project): Promise<void>;
}

/** A kind of source that a tree turned out to be. */
export interface Source {
  /** Shown to the person who pushes, with what it was found by. */
  detected: string;
  install?: Install;
  /** Builds the installed tree and tells how it is started. */
  build(project: Project): Promise<Built>;
}

/** Tells whether a tree is of one kind. @throws Failed for one that is, but cannot be built */
export type Detector = (project: Project) => Promise<Source | undefined>;

/** The first of these files that is in the tree. */
export async function firstOf(root: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if (await exists(join(root, name))) return name;
  return undefined;
}

/** A hash over files of the tree, those that are not there included, and further texts. */
export async function hashOf(root: string, files: readonly string[], ...texts: string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length} ${text}`);
  for (const file of files) {
    const content = await readFile(join(root, file)).catch(() => undefined);
    hash.update(`${file} ${content?.length ?? 'none'} `);
    if (content !== undefined) hash.update(content);
  }
  return hash.digest('hex');
}
