import { createRoute, z } from '@hono/zod-openapi';
import { stream } from 'hono/streaming';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { ThawError, toThawError } from '../errors.ts';
import type { Log } from '../log.ts';
import { projectFor, requireScope } from './authentication.ts';
import type { Databases } from './database-parts.ts';
import { DatabaseName, DatabaseShape, DatabaseStatisticsShape, NewDatabaseShape } from './database-shapes.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { logError } from './error-answer.ts';

const params = z.object({ name: DatabaseName });
const query = z.object({ project: z.string().optional() });
const one = answers('the database', DatabaseShape);
const MOST_QUERIES = 100;

const wake = createRoute({
  method: 'post',
  path: '/v1/databases/{name}/wake',
  summary: 'Wake a database, or start it; waking one that is awake changes nothing',
  security: WITH_KEY,
  request: { params, query },
  responses: { 200: one, ...errors('not_found', 'quota_exceeded', 'no_room') },
});

const sleep = createRoute({
  method: 'post',
  path: '/v1/databases/{name}/sleep',
  summary: 'Put a database to sleep now, its connections held',
  security: WITH_KEY,
  request: { params, query },
  responses: { 200: one, ...errors('not_found', 'conflict') },
});

const branch = createRoute({
  method: 'post',
  path: '/v1/databases/{name}/branches',
  summary: 'Copy a database as it is at this moment, with a password of its own',
  security: WITH_KEY,
  request: { params, query, body: takes(z.strictObject({ name: DatabaseName })) },
  responses: {
    201: answers('the branch', NewDatabaseShape),
    ...errors('not_found', 'conflict', 'quota_exceeded', 'no_room'),
  },
});

const dump = createRoute({
  method: 'get',
  path: '/v1/databases/{name}/export',
  summary: 'A dump as SQL, for psql; one that sleeps is woken for it',
  description: 'An answer that breaks off is not whole.',
  security: WITH_KEY,
  request: { params, query },
  responses: {
    200: { description: 'the dump', content: { 'application/sql': { schema: z.string() } } },
    ...errors('not_found', 'no_room'),
  },
});

const statistics = createRoute({
  method: 'get',
  path: '/v1/databases/{name}/statistics',
  summary: 'What a database is at; one that sleeps is not woken for it',
  security: WITH_KEY,
  request: {
    params,
    query: query.extend({
      queries: z.coerce.number().int().min(0).max(MOST_QUERIES).default(0).openapi({
        description: 'How many of the queries that took the most time in all.',
      }),
    }),
  },
  responses: { 200: answers('the statistics', DatabaseStatisticsShape), ...errors('not_found') },
});

const authority = createRoute({
  method: 'get',
  path: '/v1/database-authority',
  summary: 'The certificate to trust for `sslmode=verify-full`',
  security: WITH_KEY,
  responses: { 200: answers('the certificate', z.object({ certificate: z.string() })), ...errors() },
});

export function databaseStateRoutes(service: Databases, log: Log): Api {
  const { databases } = service;
  return newApi()
    .openapi(wake, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json(await databases.wake(project, c.req.valid('param').name, c.req.raw.signal), 200);
    })
    .openapi(sleep, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { name } = c.req.valid('param');
      const known = databases.get(project, name);
      if (known.state === 'awake' && !(await service.sleep(known.id))) {
        throw new ThawError('conflict', `The database ${name} is busy: a query runs, or a transaction is open.`, {
          hint: 'It sleeps by itself once that is over.',
        });
      }
      return c.json(databases.get(project, name), 200);
    })
    .openapi(branch, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const made = await databases.branch(
        project,
        c.req.valid('param').name,
        c.req.valid('json').name,
        c.req.raw.signal,
      );
      c.header('cache-control', 'no-store');
      return c.json({ ...made, ...databases.urls(project, made.name) }, 201);
    })
    .openapi(dump, async (c) => {
      requireScope(c.var.principal, 'manage');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      const { name } = c.req.valid('param');
      await databases.wake(project, name, c.req.raw.signal);
      c.header('content-type', 'application/sql');
      return stream(c, async (out) => {
        const over = new AbortController();
        out.onAbort(() => over.abort());
        try {
          for await (const chunk of databases.export(project, name, over.signal)) await out.write(chunk);
        } catch (error) {
          if (!over.signal.aborted) logError(log, toThawError(error), c);
          // The connection has to break off: what came so far would look whole.
          throw error;
        }
      });
    })
    .openapi(statistics, async (c) => {
      requireScope(c.var.principal, 'read');
      const { project: named, queries } = c.req.valid('query');
      const project = projectFor(c.var.principal, named, DEFAULT_PROJECT);
      const { name } = c.req.valid('param');
      return c.json(await databases.statistics(project, name, queries, c.req.raw.signal), 200);
    })
    .openapi(authority, (c) => {
      requireScope(c.var.principal, 'read');
      return c.json({ certificate: service.authority }, 200);
    });
}
