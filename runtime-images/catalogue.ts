import { stat } from 'node:fs/promises';
import { ThawError } from '../platform/errors.ts';
import { type Artifact, definitionHash, type Recipe, readArtifact } from './cache/artifact.ts';
import type { ImageDefinition, ImageService } from './definition.ts';
import { IMAGE_NAMES, IMAGES, type ImageName, OPTIONAL_IMAGES } from './images.ts';
import { AGENT_SOURCE, planImages } from './plan.ts';

/** One runtime image on disk. */
export interface CatalogueImage {
  /** Absolute path of a sparse raw ext4 disk, never written to. */
  path: string;
  /** First 12 hex digits of its definition's SHA-256; changes with anything in it, the agent too. */
  hash: string;
  /** Size that the guest sees. */
  sizeBytes: number;
  /** When it was built, ISO 8601: the same definition may have come to other packages before. */
  built: string;
  /** Commands to run once after a boot, before it is frozen. */
  warm: readonly (readonly string[])[];
  /** Program that runs in every VM of it, frozen running. */
  service?: ImageService;
}

/** Everything that VMs start from. */
export interface Catalogue {
  /** ELF kernel, booted directly, with the command line in `kernel/command-line.ts`. */
  kernel: { path: string; release: string; hash: string };
  initramfs: { path: string };
  /** One that is optional may not be there. */
  images: Partial<Record<ImageName, CatalogueImage>>;
  agent: { version: string; hash: string };
  /** Program that puts VMMs into their jails. */
  launcher: { path: string };
  /** Program that opens sockets in network slots. */
  intercept: { path: string };
}

/**
 * Reads what is in the images directory, without building anything.
 *
 * @param agentSource directory of the agent's Go module; default: this repository's
 * @throws ThawError `misconfigured` when something is missing or is from another version of Thaw
 */
export async function readCatalogue(imagesDir: string, agentSource: string = AGENT_SOURCE): Promise<Catalogue> {
  const signal = new AbortController().signal;
  const plan = await planImages({ imagesDir, agentSource, signal, progress: () => {} });
  return catalogueFrom(plan, async ({ name, definition }) => {
    const artifact = await readArtifact(imagesDir, name, definitionHash(definition));
    if (artifact || OPTIONAL_IMAGES.some((optional) => optional === name)) return artifact;
    throw new ThawError('misconfigured', `The runtime image "${name}" is not in ${imagesDir} in the version wanted.`, {
      hint: 'Run `npm run setup`; it builds what is missing.',
    });
  });
}

/** Gathers the catalogue, taking each artifact from `get`, one after the other; an image that it does not give is left out. */
export async function catalogueFrom(
  plan: Awaited<ReturnType<typeof planImages>>,
  get: (recipe: Recipe<string>) => Promise<Artifact | undefined>,
): Promise<Catalogue> {
  const must = async (recipe: Recipe<string>) => {
    const artifact = await get(recipe);
    if (artifact === undefined) throw new ThawError('internal', `${recipe.name} was not made.`);
    return artifact;
  };
  const kernel = await must(plan.kernel);
  const agent = await must(plan.agent);
  const launcher = await must(plan.launcher);
  const intercept = await must(plan.intercept);
  const images: Partial<Record<ImageName, CatalogueImage>> = {};
  for (const name of IMAGE_NAMES) {
    const disk = await get(plan.disks[name]);
    if (disk === undefined) continue;
    const path = disk.path('ext4');
    const { size, mtime } = await stat(path);
    const { warm, service }: ImageDefinition = IMAGES[name];
    const built = mtime.toISOString();
    images[name] = {
      path,
      hash: disk.hash,
      sizeBytes: size,
      built,
      warm,
      ...(service === undefined ? {} : { service }),
    };
  }
  return {
    kernel: { path: kernel.path('vmlinux'), release: kernel.facts.release ?? '', hash: kernel.hash },
    initramfs: { path: kernel.path('initramfs') },
    images,
    agent: { version: agent.facts.version ?? '', hash: agent.hash },
    launcher: { path: launcher.path('program') },
    intercept: { path: intercept.path('program') },
  };
}
