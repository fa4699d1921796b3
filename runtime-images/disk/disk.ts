import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Artifact, definitionHash, type Recipe } from '../cache/artifact.ts';
import { type ImageDefinition, lineage } from '../definition.ts';
import { toolchainRecipe } from '../go/toolchain.ts';
import { composeTree } from './compose.ts';
import { packExt4 } from './ext4.ts';

/** As long as the label of a file system may be. */
const LABEL_BYTES = 16;

export interface DiskInputs {
  image: ImageDefinition;
  rootfs: Recipe<'tar'>;
  agent: Recipe<'program'>;
  /** Answers what a recipe makes, building it when it is not there. */
  ensure(recipe: Recipe<string>): Promise<Artifact>;
  signal: AbortSignal;
  progress(text: string): void;
}

/**
 * A runtime image's root disk.
 *
 * Parts: `ext4`, a sparse raw disk image without a partition table.
 */
export async function diskRecipe({
  image,
  rootfs,
  agent,
  ensure,
  signal,
  progress,
}: DiskInputs): Promise<Recipe<'ext4'>> {
  const layers = lineage(image).map(async ({ parent: _, addons, go, ...layer }) => ({
    ...layer,
    // What is made of a toolchain counts too.
    ...(go === undefined ? {} : { go: definitionHash(toolchainRecipe(go, signal, progress).definition) }),
    // An addon is what its source says, wherever that lies.
    addons: await Promise.all(addons.map(async ({ source, to }) => ({ to, text: await readFile(source, 'utf8') }))),
  }));
  return {
    name: image.name,
    definition: {
      format: 2,
      rootfs: definitionHash(rootfs.definition),
      agent: definitionHash(agent.definition),
      layers: await Promise.all(layers),
    },
    parts: ['ext4'],
    async build(dir) {
      const work = join(dir, 'work');
      await mkdir(work);
      const debian = (await ensure(rootfs)).path('tar');
      const program = (await ensure(agent)).path('program');
      const tree = await composeTree({ image, rootfs: debian, agent: program, dir: work, ensure, signal, progress });
      progress('packing the disk');
      const disk = join(dir, 'ext4');
      await packExt4(`thaw-${image.name}`.slice(0, LABEL_BYTES), tree, image.diskBytes, disk, signal);
      // Read by VMMs, which run as a user of their own; written by nobody.
      await chmod(disk, 0o444);
      return {};
    },
  };
}
