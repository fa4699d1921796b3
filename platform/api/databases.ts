import { createRoute, z } from '@hono/zod-openapi';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { projectFor, requireScope } from './authentication.ts';
import type { Databases } from './database-parts.ts';
import {
  DatabaseChangeShape,
  DatabaseName,
  DatabaseRequestShape,
  DatabaseShape,
  DatabaseUrlsShape,
  NewDatabaseShape,
} from './database-shapes.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';

const params = z.object({ name: DatabaseName });
const query = z.object({ project: z.string().optional() });
const one = answers('the database', DatabaseShape);

const create = createRoute({
  method: 'post',
  path: '/v1/databases',
  summary: 'Make a database; the answer holds its URLs, with the password',
  security: WITH_KEY,
  request: { body: takes(DatabaseRequestShape) },
  responses: {
    201: answers('the database', NewDatabaseShape),
    ...errors('not_found', 'conflict', 'quota_exceeded', 'no_room'),
  },
});

const list = createRoute({
  method: 'get',
  path: '/v1/databases',
  summary: 'The databases that the key may see',
  security: WITH_KEY,
  request: { query },
  responses: { 200: answers('the databases', z.object({ databases: z.array(DatabaseShape) })), ...errors() },
});

const get = createRoute({
  method: 'get',
  path: '/v1/databases/{name}',
  summary: 'One database',
  security: WITH_KEY,
  request: { params, query },
  responses: { 200: one, ...errors('not_found') },
});

const urls = createRoute({
  method: 'get',
  path: '/v1/databases/{name}/urls',
  summary: 'Where clients connect, with the password',
  security: WITH_KEY,
  request: { params, query },
  responses: { 200: answers('the URLs', DatabaseUrlsShape), ...errors('not_found') },
});

const change = createRoute({
  method: 'patch',
  path: '/v1/databases/{name}',
  summary: 'Change when it sleeps',
  security: WITH_KEY,
  request: { params, query, body: takes(DatabaseChangeShape) },
  responses: { 200: one, ...errors('not_found') },
});

const remove = createRoute({
  method: 'delete',
  path: '/v1/databases/{name}',
  summary: 'Remove a database with its data',
  security: WITH_KEY,
  request: { params, query },
  responses: { 204: { description: 'removed' }, ...errors('not_found', 'conflict') },
});

export function databaseRoutes({ databases }: Databases): Api {
  return newApi()
    .openapi(create, async (c) => {
      requireScope(c.var.principal, 'manage');
      const { project: named, ...request } = c.req.valid('json');
      const project = projectFor(c.var.principal, named, DEFAULT_PROJECT);
      const made = await databases.create({ ...request, project }, c.req.raw.signal);
      c.header('cache-control', 'no-store');
      return c.json({ ...made, ...databases.urls(project, made.name) }, 201);
    })
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const { project: named } = c.req.valid('query');
      const project = named === undefined ? c.var.principal.project : projectFor(c.var.principal, named, named);
      return c.json({ databases: databases.list(project) }, 200);
    })
    .openapi(get, async (c) => {
      requireScope(c.var.principal, 'read');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json(databases.get(project, c.req.valid('param').name), 200);
    })
    .openapi(urls, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      c.header('cache-control', 'no-store');
      return c.json(databases.urls(project, c.req.valid('param').name), 200);
    })
    .openapi(change, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json(await databases.configure(project, c.req.valid('param').name, c.req.valid('json')), 200);
    })
    .openapi(remove, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      await databases.remove(project, c.req.valid('param').name);
      return c.body(null, 204);
    });
}
