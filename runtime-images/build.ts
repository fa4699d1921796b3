import { join } from 'node:path';
import { ensureArtifact } from './cache/artifact.ts';
import { lock } from './cache/lock.ts';
import { pruneArtifacts } from './cache/prune.ts';
import { type Catalogue, catalogueFrom, readCatalogue } from './catalogue.ts';
import { IMAGE_NAMES, type ImageName } from './images.ts';
import { AGENT_SOURCE, planImages } from './plan.ts';

export interface BuildOptions {
  /** Directory that images are kept in; made when it is not there. */
  imagesDir: string;
  /** Directory of the agent's Go module; default: this repository's. */
  agentSource?: string;
  /** Optional images that are not to be made now; those that are there stay. */
  without?: readonly ImageName[];
  signal: AbortSignal;
  /** Told each step as it begins and, with the time it took, as it ends: a line for a person. */
  progress(text: string): void;
}

/**
 * Builds the runtime images that are not there yet, and answers the catalogue.
 * Several processes may call it at once: one builds, the others wait and find it done.
 *
 * @throws ThawError when a tool is missing or fails; the signal's reason when aborted
 */
export async function buildImages({
  imagesDir,
  agentSource = AGENT_SOURCE,
  without = [],
  signal,
  progress,
}: BuildOptions): Promise<Catalogue> {
  const complete = await readCatalogue(imagesDir, agentSource).catch(() => undefined);
  const wanted = IMAGE_NAMES.filter((name) => !without.includes(name));
  if (complete && wanted.every((name) => complete.images[name] !== undefined)) return complete;

  await using _ = await lock(join(imagesDir, '.lock'), signal, () =>
    progress('waiting for another process that is building images'),
  );
  const plan = await planImages({ imagesDir, agentSource, signal, progress });
  const current = new Set<string>();
  const catalogue = await catalogueFrom(plan, async (recipe) => {
    if (without.some((name) => name === recipe.name)) return undefined;
    const started = performance.now();
    const artifact = await ensureArtifact(imagesDir, recipe);
    current.add(artifact.hash);
    if (artifact.built)
      progress(`${artifact.name} ${artifact.hash} built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return artifact;
  });
  await pruneArtifacts(imagesDir, current);
  return catalogue;
}
