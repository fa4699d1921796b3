import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, readManifest } from './artifact.ts';

/** The current one and the one before it, to which a change of mind returns without building. */
const KEPT = 2;

/**
 * Removes all but the newest two of each artifact, and what builds that were
 * killed left behind. Call it under the directory's lock.
 *
 * A file that a running VM has open stays readable to it.
 *
 * @param current hashes that stay whatever their age
 */
export async function pruneArtifacts(imagesDir: string, current: ReadonlySet<string>): Promise<void> {
  const entries = await readdir(imagesDir);
  for (const entry of entries.filter((name) => name.startsWith('.building-'))) {
    await rm(join(imagesDir, entry), { recursive: true, force: true });
  }

  const byName = new Map<string, Manifest[]>();
  for (const entry of entries.filter((name) => name.endsWith('.json'))) {
    const manifest = await readManifest(join(imagesDir, entry));
    if (manifest) byName.set(manifest.name, [...(byName.get(manifest.name) ?? []), manifest]);
  }
  for (const versions of byName.values()) {
    const age = (manifest: Manifest) => (current.has(manifest.hash) ? '9' : manifest.builtAt);
    versions.sort((a, b) => age(b).localeCompare(age(a)));
    for (const { name, hash, parts } of versions.slice(KEPT)) {
      // The manifest goes first: half an artifact must not look whole.
      await rm(join(imagesDir, `${name}-${hash}.json`), { force: true });
      for (const part of Object.keys(parts)) await rm(join(imagesDir, `${name}-${hash}.${part}`), { force: true });
    }
  }
}
