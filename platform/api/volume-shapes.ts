import { z } from '@hono/zod-openapi';
import { ProjectName } from './shapes.ts';

const Moment = z.iso.datetime().openapi({ example: '2026-01-02T03:04:05.678Z' });

/** Not checked beyond its length: a name that cannot be is as unknown as any other. */
export const VolumeName = z.string().min(1).max(60).openapi({ example: 'data' });
export const SizeMiB = z.number().int().openapi({ example: 1024, description: 'MiB.' });
export const WhoseVolume = z.object({
  project: ProjectName.optional().openapi({ description: 'For an admin key; default: default.' }),
});
const place = z.object({ app: z.string(), path: z.string().openapi({ example: '/data' }) });

export const VolumeShape = z
  .object({
    name: z.string(),
    project: z.string(),
    sizeMiB: SizeMiB,
    usedMiB: z.number().int().openapi({ description: 'What it takes of the host.' }),
    attached: place.nullable().openapi({ description: 'The app whose next deployment has it.' }),
    mounts: z.array(place).openapi({ description: 'The apps whose code in front has it.' }),
    holder: z
      .union([z.object({ app: z.string() }), z.object({ sandbox: z.string() })])
      .nullable()
      .openapi({ description: 'Who has it now, awake or asleep.' }),
    createdAt: Moment,
  })
  .openapi('Volume');

export const SnapshotShape = z
  .object({
    name: z.string(),
    volume: z.string(),
    sizeMiB: SizeMiB,
    usedMiB: z.number().int(),
    createdAt: Moment,
  })
  .openapi('VolumeSnapshot');
