import { createRoute, z } from '@hono/zod-openapi';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { projectFor, requireScope } from './authentication.ts';
import { received, sends, streamed } from './bytes.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { SnapshotShape, VolumeName, VolumeShape, WhoseVolume } from './volume-shapes.ts';

const IMAGE = 'application/gzip';
const params = z.object({ volume: VolumeName });
const ofSnapshot = z.object({ volume: VolumeName, snapshot: VolumeName });
const one = answers('the volume', VolumeShape);

const snapshot = createRoute({
  method: 'post',
  path: '/v1/volumes/{volume}/snapshots',
  summary: 'Keep a volume as it is now; who has it goes on',
  security: WITH_KEY,
  request: { params, query: WhoseVolume, body: takes(z.strictObject({ name: VolumeName })) },
  responses: {
    201: answers('the snapshot', SnapshotShape),
    ...errors('not_found', 'conflict', 'quota_exceeded', 'too_large'),
  },
});

const snapshots = createRoute({
  method: 'get',
  path: '/v1/volumes/{volume}/snapshots',
  summary: 'The snapshots of a volume, newest first',
  security: WITH_KEY,
  request: { params, query: WhoseVolume },
  responses: {
    200: answers('the snapshots', z.object({ snapshots: z.array(SnapshotShape) })),
    ...errors('not_found'),
  },
});

const removeSnapshot = createRoute({
  method: 'delete',
  path: '/v1/volumes/{volume}/snapshots/{snapshot}',
  summary: 'Remove a snapshot',
  security: WITH_KEY,
  request: { params: ofSnapshot, query: WhoseVolume },
  responses: { 204: { description: 'removed' }, ...errors('not_found') },
});

const restore = createRoute({
  method: 'post',
  path: '/v1/volumes/{volume}/snapshots/{snapshot}/restore',
  summary: 'Make a volume what it was; refused while it is in use',
  security: WITH_KEY,
  request: {
    params: ofSnapshot,
    query: WhoseVolume.extend({
      stop: z.enum(['0', '1']).default('0').openapi({ description: '1: an app that has it is stopped for it.' }),
    }),
  },
  responses: { 200: one, ...errors('not_found', 'conflict') },
});

const clone = createRoute({
  method: 'post',
  path: '/v1/volumes/{volume}/clones',
  summary: 'Make a volume of another one, as it is now or as it was',
  security: WITH_KEY,
  request: {
    params,
    query: WhoseVolume,
    body: takes(z.strictObject({ name: VolumeName, snapshot: VolumeName.optional() })),
  },
  responses: { 201: one, ...errors('not_found', 'conflict', 'quota_exceeded', 'too_large') },
});

const image = createRoute({
  method: 'get',
  path: '/v1/volumes/{volume}/image',
  summary: 'A volume as it is now: a raw ext4 image, packed with gzip',
  security: WITH_KEY,
  request: { params, query: WhoseVolume },
  responses: { 200: sends('the image', IMAGE) as { description: string }, ...errors('not_found', 'conflict') },
});

const fromImage = createRoute({
  method: 'put',
  path: '/v1/volumes/{volume}/image',
  summary: 'Make a volume of a raw ext4 image, packed with gzip',
  security: WITH_KEY,
  request: { params, query: WhoseVolume },
  responses: { 201: one, ...errors('not_found', 'conflict', 'quota_exceeded', 'too_large') },
});

export function volumeCopyRoutes({ volumes, closing }: ApiParts): Api {
  const ending = closing === undefined ? [] : [closing];
  return newApi()
    .openapi(snapshot, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { name } = c.req.valid('json');
      return c.json(await volumes.snapshot(project, c.req.valid('param').volume, name), 201);
    })
    .openapi(snapshots, async (c) => {
      requireScope(c.var.principal, 'read');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json({ snapshots: await volumes.snapshots(project, c.req.valid('param').volume) }, 200);
    })
    .openapi(removeSnapshot, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { volume, snapshot: name } = c.req.valid('param');
      await volumes.removeSnapshot(project, volume, name);
      return c.body(null, 204);
    })
    .openapi(restore, async (c) => {
      requireScope(c.var.principal, 'manage');
      const { project: named, stop } = c.req.valid('query');
      const project = projectFor(c.var.principal, named, DEFAULT_PROJECT);
      const { volume, snapshot: name } = c.req.valid('param');
      return c.json(await volumes.restore(project, volume, name, { stop: stop === '1' }), 200);
    })
    .openapi(clone, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { name, snapshot: from } = c.req.valid('json');
      return c.json(await volumes.clone(project, c.req.valid('param').volume, name, from), 201);
    })
    .openapi(image, (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { volume } = c.req.valid('param');
      return streamed(c, IMAGE, (gone) =>
        volumes.export(project, volume, AbortSignal.any([c.req.raw.signal, gone, ...ending])),
      );
    })
    .openapi(fromImage, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { volume } = c.req.valid('param');
      const signal = AbortSignal.any([c.req.raw.signal, ...ending]);
      return c.json(await received(c, (bytes) => volumes.import(project, volume, bytes, signal)), 201);
    });
}
