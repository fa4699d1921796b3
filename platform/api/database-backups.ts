import { createRoute, z } from '@hono/zod-openapi';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { projectFor, requireScope } from './authentication.ts';
import type { Databases } from './database-parts.ts';
import { DatabaseBackupsShape, DatabaseName, NewDatabaseShape } from './database-shapes.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';

const params = z.object({ name: DatabaseName });
const query = z.object({ project: z.string().optional() });
const known = answers('the backups', DatabaseBackupsShape);

const list = createRoute({
  method: 'get',
  path: '/v1/databases/{name}/backups',
  summary: 'What a database can be restored from',
  security: WITH_KEY,
  request: { params, query },
  responses: { 200: known, ...errors('not_found', 'conflict') },
});

const make = createRoute({
  method: 'post',
  path: '/v1/databases/{name}/backups',
  summary: 'Make a backup now, or try a restore of the newest',
  security: WITH_KEY,
  request: {
    params,
    query,
    body: takes(z.strictObject({ act: z.enum(['make', 'test']).default('make') })),
  },
  responses: { 200: known, ...errors('not_found', 'conflict', 'unavailable') },
});

const restore = createRoute({
  method: 'post',
  path: '/v1/databases/{name}/restore',
  summary: 'Restore a database, as it was at a moment, into a new one',
  security: WITH_KEY,
  request: {
    params,
    query,
    body: takes(
      z.strictObject({
        name: DatabaseName,
        at: z.iso.datetime({ offset: true }).optional().openapi({ description: 'Default: as late as possible.' }),
      }),
    ),
  },
  responses: { 201: answers('the new database', NewDatabaseShape), ...errors('not_found', 'conflict', 'no_room') },
});

export function databaseBackupRoutes({ databases }: Databases): Api {
  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json(await databases.backups(project, c.req.valid('param').name), 200);
    })
    .openapi(make, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json(await databases.backUp(project, c.req.valid('param').name, c.req.valid('json').act), 200);
    })
    .openapi(restore, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { name, at } = c.req.valid('json');
      const into = { name, at: at === undefined ? null : new Date(at) };
      const made = await databases.restore(project, c.req.valid('param').name, into, c.req.raw.signal);
      c.header('cache-control', 'no-store');
      return c.json({ ...made, ...databases.urls(project, made.name) }, 201);
    });
}
