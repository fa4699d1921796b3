import { chmod, mkdir, mkdtemp, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { git } from './git.ts';
import { readBranches } from './refs.ts';

const ENDING = '.git';
/** Stands in for the repository of an app that the push under way will make. */
const EMPTY = 'empty';
const HOOKS = ['pre-receive', 'post-receive'];
const hookText = (name: string) => `#!/bin/sh\nexec "$THAW_HOOK_NODE" "$THAW_HOOK_SCRIPT" ${name}\n`;
/** Repository content may not decide what a deployment contains. */
const ATTRIBUTES = '* -export-ignore -export-subst\n';

/** The bare repositories of all apps, `<app id>.git` each, and the hooks that they have in common. */
export class Repositories {
  /** Absolute path; what `git http-backend` serves from. */
  readonly root: string;
  /** Absolute path of the directory with our hooks; outside of every repository. */
  readonly hooks: string;
  readonly #making = new Map<string, Promise<string>>();

  private constructor(root: string) {
    this.root = root;
    this.hooks = join(root, 'hooks');
  }

  static async open(root: string): Promise<Repositories> {
    await mkdir(join(root, 'hooks'), { recursive: true, mode: 0o700 });
    // Git names its directories by their real paths.
    const repositories = new Repositories(await realpath(root));
    for (const name of HOOKS) {
      const path = join(repositories.hooks, name);
      await writeFile(path, hookText(name));
      await chmod(path, 0o700);
    }
    for (const name of await readdir(repositories.root)) {
      if (name.startsWith('new-')) await rm(join(repositories.root, name), { recursive: true, force: true });
    }
    for (const id of await repositories.list()) await removeLeftovers(repositories.path(id));
    await repositories.ensure(EMPTY);
    return repositories;
  }

  /** Below the root, as a URL's path. */
  pathInfo(app: string | undefined): string {
    return `/${app ?? EMPTY}${ENDING}`;
  }

  path(app: string): string {
    return join(this.root, `${app}${ENDING}`);
  }

  /** The path of an app's repository, made now if there is none. */
  ensure(app: string): Promise<string> {
    const making = this.#making.get(app) ?? this.#make(app).finally(() => this.#making.delete(app));
    this.#making.set(app, making);
    return making;
  }

  /** Ids of the apps that have one. */
  async list(): Promise<string[]> {
    const names = await readdir(this.root);
    return names
      .filter((name) => name.endsWith(ENDING))
      .map((name) => name.slice(0, -ENDING.length))
      .filter((id) => id !== EMPTY);
  }

  async remove(app: string): Promise<void> {
    await rm(this.path(app), { recursive: true, force: true });
  }

  /** Bytes of an app's repository; 0 when there is none. */
  async bytes(app: string): Promise<number> {
    const entries = await readdir(this.path(app), { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => entry.isFile());
    // One that git replaces meanwhile counts nothing.
    const sizes = files.map((file) =>
      stat(join(file.parentPath, file.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
    return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The commit of each branch. */
  branches(app: string): Promise<Map<string, string>> {
    return readBranches(this.path(app));
  }

  /** A whole repository appears at once, or none. */
  async #make(app: string): Promise<string> {
    const path = this.path(app);
    const there = await stat(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
    const fresh = await mkdtemp(join(this.root, 'new-'));
    await git(['init', '--quiet', '--bare', '--initial-branch=main', '--template=', fresh], { cwd: this.root });
    await mkdir(join(fresh, 'info'), { recursive: true });
    await writeFile(join(fresh, 'info', 'attributes'), ATTRIBUTES);
    await rename(fresh, path);
    return path;
  }
}

/** Removes what a git leaves that was killed: objects in quarantine, and locks that would stop every later push. */
async function removeLeftovers(repository: string): Promise<void> {
  const objects = join(repository, 'objects');
  const quarantines = (await readdir(objects)).filter((name) => name.startsWith('tmp_objdir-'));
  const refs = await readdir(join(repository, 'refs'), { recursive: true });
  const locks = refs.filter((name) => name.endsWith('.lock')).map((name) => join('refs', name));
  const left = [...quarantines.map((name) => join('objects', name)), ...locks, 'packed-refs.lock', 'HEAD.lock'];
  for (const name of left) await rm(join(repository, name), { recursive: true, force: true });
}
