import { fileURLToPath } from 'node:url';
import { agentRecipe } from './build-agent.ts';
import { ensureArtifact, type Recipe } from './cache/artifact.ts';
import { diskRecipe } from './disk/disk.ts';
import { rootfsRecipe } from './disk/rootfs.ts';
import { goProgramRecipe } from './go-program.ts';
import { IMAGE_NAMES, IMAGES, type ImageName } from './images.ts';
import { kernelRecipe } from './kernel/kernel.ts';

/** The agent's source in this repository. */
export const AGENT_SOURCE = fileURLToPath(new URL('agent/', import.meta.url));

/** The source of the program that puts VMMs into their jails; it runs on the host. */
const LAUNCHER_SOURCE = fileURLToPath(new URL('../platform/host/vmm/jail/', import.meta.url));

/** The source of the program that opens sockets in network slots; it runs on the host. */
const INTERCEPT_SOURCE = fileURLToPath(new URL('../platform/host/network/intercept/', import.meta.url));

export interface PlanOptions {
  /** Directory that artifacts are kept in. */
  imagesDir: string;
  /** Directory of the agent's Go module. */
  agentSource: string;
  signal: AbortSignal;
  /** Told what begins, in a few words. */
  progress(text: string): void;
}

/** How to make each artifact that VMs start from, and under which hash it is kept. */
export interface Plan {
  kernel: Recipe<'vmlinux' | 'initramfs'>;
  agent: Recipe<'program'>;
  launcher: Recipe<'program'>;
  intercept: Recipe<'program'>;
  disks: Record<ImageName, Recipe<'ext4'>>;
}

/**
 * Works out all recipes from the definitions. Nothing is built, so their hashes
 * also tell whether what is on disk is what this version of Thaw wants.
 */
export async function planImages(options: PlanOptions): Promise<Plan> {
  const { imagesDir, agentSource, signal, progress } = options;
  const agent = await agentRecipe(agentSource, signal, progress);
  const disk = async (name: ImageName) => {
    const image = IMAGES[name];
    return diskRecipe({
      image,
      rootfs: rootfsRecipe(image, signal, progress),
      agent,
      ensure: (recipe) => ensureArtifact(imagesDir, recipe),
      signal,
      progress,
    });
  };
  const disks = await Promise.all(IMAGE_NAMES.map(async (name) => [name, await disk(name)] as const));
  return {
    kernel: await kernelRecipe(signal, progress),
    agent,
    launcher: await goProgramRecipe('launcher', LAUNCHER_SOURCE, { signal, progress }),
    intercept: await goProgramRecipe('intercept', INTERCEPT_SOURCE, { signal, progress }),
    disks: Object.fromEntries(disks) as Record<ImageName, Recipe<'ext4'>>,
  };
}
