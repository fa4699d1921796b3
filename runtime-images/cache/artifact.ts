import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * An artifact is one or more files that are built once from a definition and
 * kept in the images directory:
 *
 *   <name>-<hash>.<part>   e.g. node-0123456789ab.ext4
 *   <name>-<hash>.json     the manifest, written last: without it the files do not count
 */
const manifestSchema = z.object({
  name: z.string(),
  hash: z.string(),
  /** ISO 8601. */
  builtAt: z.string(),
  parts: z.record(z.string(), z.object({ sizeBytes: z.number() })),
  /** What the builder wants to remember, e.g. a kernel's release. */
  facts: z.record(z.string(), z.string()),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** What an artifact is made from. */
export interface Recipe<Part extends string> {
  name: string;
  /** Everything that decides what comes out, as JSON; its hash is the artifact's. */
  definition: unknown;
  parts: readonly Part[];
  /** Makes every part as `<dir>/<part>` and answers facts for the manifest. */
  build(dir: string): Promise<Record<string, string>>;
}

/** A whole artifact on disk. */
export interface Artifact {
  name: string;
  hash: string;
  facts: Record<string, string>;
  /** True when this call had to build it. */
  built: boolean;
  /** Absolute path of a part. */
  path(part: string): string;
}

/** First 12 hex digits of a definition's SHA-256. */
export function definitionHash(definition: unknown): string {
  return createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 12);
}

/**
 * Answers the artifact from the images directory, building it when it is not
 * there whole. Call it under the directory's lock.
 */
export async function ensureArtifact<Part extends string>(imagesDir: string, recipe: Recipe<Part>): Promise<Artifact> {
  const hash = definitionHash(recipe.definition);
  const present = await readArtifact(imagesDir, recipe.name, hash);
  if (present) return present;

  await mkdir(imagesDir, { recursive: true });
  // Beside the result, so that a rename is all it takes.
  const work = await mkdtemp(join(imagesDir, '.building-'));
  try {
    const facts = await recipe.build(work);
    const manifest: Manifest = { name: recipe.name, hash, builtAt: new Date().toISOString(), parts: {}, facts };
    for (const part of recipe.parts) {
      const made = join(work, part);
      await syncFile(made);
      manifest.parts[part] = { sizeBytes: (await stat(made)).size };
      await rename(made, partPath(imagesDir, recipe.name, hash, part));
    }
    const draft = join(work, 'manifest');
    await writeFile(draft, `${JSON.stringify(manifest, null, 2)}\n`);
    await syncFile(draft);
    await rename(draft, partPath(imagesDir, recipe.name, hash, 'json'));
    await syncFile(imagesDir);
    return { ...artifactOf(imagesDir, manifest), built: true };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The artifact with this hash, or undefined when it is not there whole. */
export async function readArtifact(imagesDir: string, name: string, hash: string): Promise<Artifact | undefined> {
  const manifest = await readManifest(partPath(imagesDir, name, hash, 'json'));
  if (!manifest) return undefined;
  for (const [part, { sizeBytes }] of Object.entries(manifest.parts)) {
    const found = await stat(partPath(imagesDir, name, hash, part)).catch(() => undefined);
    if (found?.size !== sizeBytes) return undefined;
  }
  return artifactOf(imagesDir, manifest);
}

/** A manifest file's content; undefined when it is absent or not one. */
export async function readManifest(path: string): Promise<Manifest | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function artifactOf(imagesDir: string, { name, hash, facts }: Manifest): Artifact {
  return { name, hash, facts, built: false, path: (part) => partPath(imagesDir, name, hash, part) };
}

function partPath(imagesDir: string, name: string, hash: string, part: string): string {
  return join(imagesDir, `${name}-${hash}.${part}`);
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}
