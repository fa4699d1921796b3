import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ThawError } from '../../platform/errors.ts';

/** A kernel module as it is loaded. */
export interface Module {
  /** With underscores, as the kernel names it. */
  name: string;
  data: Buffer;
}

/**
 * Finds modules and everything they depend on, in the order in which they can be
 * loaded. Dependencies are read from the modules themselves (the `depends=` entry
 * of their `.modinfo` section), so no depmod index is needed.
 *
 * @param tree directory of one kernel release's modules
 * @param wanted names; those built into the kernel are left out
 * @throws ThawError `misconfigured` for a module that the kernel has in no form
 */
export async function modulesInOrder(tree: string, wanted: readonly string[]): Promise<Module[]> {
  const files = new Map<string, string>();
  for (const entry of await readdir(tree, { recursive: true })) {
    if (entry.endsWith('.ko')) files.set(moduleName(entry), join(tree, entry));
  }
  const builtin = new Set((await readFile(join(tree, 'modules.builtin'), 'utf8')).split('\n').map(moduleName));

  const ordered = new Map<string, Module>();
  const add = async (name: string): Promise<void> => {
    if (ordered.has(name) || builtin.has(name)) return;
    const file = files.get(name);
    if (file === undefined) throw new ThawError('misconfigured', `The kernel has no module ${name}.`);
    const data = await readFile(file);
    for (const dependency of dependencies(data)) await add(dependency);
    ordered.set(name, { name, data });
  };
  for (const name of wanted) await add(name);
  return [...ordered.values()];
}

function moduleName(path: string): string {
  return basename(path, '.ko').replaceAll('-', '_');
}

/** `.modinfo` is a run of NUL-ended `key=value` texts; every module has exactly one `depends=`, maybe empty. */
function dependencies(module: Buffer): string[] {
  const key = '\0depends=';
  const at = module.indexOf(key, 0, 'latin1');
  if (at < 0) return [];
  const start = at + key.length;
  const list = module.toString('latin1', start, module.indexOf(0, start));
  return list === '' ? [] : list.split(',').map((name) => name.replaceAll('-', '_'));
}
