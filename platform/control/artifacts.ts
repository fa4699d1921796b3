import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../errors.ts';
import type { Control } from './contract.ts';
import type { Database } from './db/open.ts';
import { deployments } from './db/schema.ts';
import { writeDurably } from './durable-file.ts';
import { isDeploymentId } from './names.ts';
import { noSuchDeployment } from './old-deployment.ts';

const ENDING = '.tar';

export type Artifacts = Control['artifacts'] & {
  /** Removes files that belong to no deployment, and unfinished ones. Gives back how many. */
  sweep(): Promise<number>;
};

/** Artifacts are files `<directory>/<deployment>.tar`, for the platform's eyes alone. */
export async function openArtifacts(directory: string, db: Database): Promise<Artifacts> {
  await mkdir(directory, { recursive: true, mode: 0o700 });

  function pathOf(deployment: string): string {
    if (!isDeploymentId(deployment)) throw noSuchDeployment(deployment);
    return join(directory, deployment + ENDING);
  }

  return {
    async put(deployment, tar) {
      return { bytes: await writeDurably(pathOf(deployment), tar, 0o600) };
    },

    async *get(deployment) {
      try {
        yield* createReadStream(pathOf(deployment)) as AsyncIterable<Uint8Array>;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        throw new ThawError('not_found', `The artifact of deployment ${deployment} is not there.`, { cause: error });
      }
    },

    async remove(deployment) {
      await rm(pathOf(deployment), { force: true });
    },

    size: (deployment) =>
      stat(pathOf(deployment)).then(
        ({ size }) => size,
        () => 0,
      ),

    async sweep() {
      const files = await readdir(directory);
      const rows = files.length === 0 ? [] : await db.select({ id: deployments.id }).from(deployments);
      const known = new Set(rows.map(({ id }) => id + ENDING));
      const waste = files.filter((file) => !known.has(file));
      for (const file of waste) await rm(join(directory, file), { force: true });
      return waste.length;
    },
  };
}
