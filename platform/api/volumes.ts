import { createRoute, z } from '@hono/zod-openapi';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { projectFor, requireScope } from './authentication.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { ProjectName } from './shapes.ts';
import { SizeMiB, VolumeName, VolumeShape, WhoseVolume } from './volume-shapes.ts';

const params = z.object({ volume: VolumeName });
const one = answers('the volume', VolumeShape);

const create = createRoute({
  method: 'post',
  path: '/v1/volumes',
  summary: 'Make an empty volume',
  security: WITH_KEY,
  request: {
    body: takes(z.strictObject({ name: VolumeName, sizeMiB: SizeMiB, project: ProjectName.optional() })),
  },
  responses: { 201: one, ...errors('not_found', 'conflict', 'quota_exceeded', 'too_large') },
});

const list = createRoute({
  method: 'get',
  path: '/v1/volumes',
  summary: 'The volumes of the project; all of them for an admin',
  security: WITH_KEY,
  responses: { 200: answers('the volumes', z.object({ volumes: z.array(VolumeShape) })), ...errors() },
});

const get = createRoute({
  method: 'get',
  path: '/v1/volumes/{volume}',
  summary: 'One volume, and who has it',
  security: WITH_KEY,
  request: { params, query: WhoseVolume },
  responses: { 200: one, ...errors('not_found') },
});

const remove = createRoute({
  method: 'delete',
  path: '/v1/volumes/{volume}',
  summary: 'Remove a volume with its snapshots; one that is attached or in use stays',
  security: WITH_KEY,
  request: { params, query: WhoseVolume },
  responses: { 204: { description: 'removed' }, ...errors('not_found', 'conflict') },
});

const attach = createRoute({
  method: 'put',
  path: '/v1/volumes/{volume}/attachment',
  summary: 'Give a volume to the next deployments of an app, besides what its thaw.toml mounts',
  security: WITH_KEY,
  request: {
    params,
    query: WhoseVolume,
    body: takes(z.strictObject({ app: z.string().min(1).max(60), path: z.string().min(1).max(300) })),
  },
  responses: { 200: one, ...errors('not_found', 'conflict', 'too_large') },
});

const detach = createRoute({
  method: 'delete',
  path: '/v1/volumes/{volume}/attachment',
  summary: 'Take a volume away from the next deployments of its app; refused while it is in use',
  security: WITH_KEY,
  request: { params, query: WhoseVolume },
  responses: { 200: one, ...errors('not_found', 'conflict') },
});

const resize = createRoute({
  method: 'patch',
  path: '/v1/volumes/{volume}',
  summary: 'Make a volume larger, also while it is in use',
  security: WITH_KEY,
  request: { params, query: WhoseVolume, body: takes(z.strictObject({ sizeMiB: SizeMiB })) },
  responses: { 200: one, ...errors('not_found', 'conflict', 'quota_exceeded', 'too_large') },
});

export function volumeRoutes({ volumes }: ApiParts): Api {
  return newApi()
    .openapi(create, async (c) => {
      requireScope(c.var.principal, 'manage');
      const { name, sizeMiB, project } = c.req.valid('json');
      return c.json(await volumes.create(projectFor(c.var.principal, project, DEFAULT_PROJECT), name, sizeMiB), 201);
    })
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      return c.json({ volumes: await volumes.list(c.var.principal.project) }, 200);
    })
    .openapi(get, async (c) => {
      requireScope(c.var.principal, 'read');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json(await volumes.get(project, c.req.valid('param').volume), 200);
    })
    .openapi(remove, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      await volumes.remove(project, c.req.valid('param').volume);
      return c.body(null, 204);
    })
    .openapi(attach, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json(await volumes.attach(project, c.req.valid('param').volume, c.req.valid('json')), 200);
    })
    .openapi(detach, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json(await volumes.detach(project, c.req.valid('param').volume), 200);
    })
    .openapi(resize, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { sizeMiB } = c.req.valid('json');
      return c.json(await volumes.resize(project, c.req.valid('param').volume, sizeMiB), 200);
    });
}
