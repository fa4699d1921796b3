import { createRoute, z } from '@hono/zod-openapi';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { ThawError } from '../errors.ts';
import { projectFor, requireScope } from './authentication.ts';
import { answers, errors, streams, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import { ndjson } from './ndjson.ts';
import type { ApiParts } from './parts.ts';
import { SandboxId, SandboxRequestShape, SandboxShape, StateShape, Ttl, UsageShape } from './sandbox-shapes.ts';
import { LogLineShape } from './shapes.ts';

const params = z.object({ id: SandboxId });
const one = answers('the sandbox', SandboxShape);
const many = answers('the sandboxes', z.object({ sandboxes: z.array(SandboxShape) }));
const MOST = 1000;

const create = createRoute({
  method: 'post',
  path: '/v1/sandboxes',
  summary: 'Make a sandbox',
  description: 'One thaw. A size that no sandbox had before is booted first, which takes seconds.',
  security: WITH_KEY,
  request: { body: takes(SandboxRequestShape) },
  responses: { 201: one, ...errors('not_found', 'quota_exceeded', 'no_room', 'template_stale', 'too_large') },
});

const list = createRoute({
  method: 'get',
  path: '/v1/sandboxes',
  summary: 'The sandboxes that the key may see, newest first; those that are over for a while',
  security: WITH_KEY,
  request: {
    query: z.object({
      state: StateShape.optional(),
      metadata: z
        .union([z.string(), z.array(z.string())])
        .optional()
        .openapi({ description: '`name=value`, all of which have to be there.', example: 'user=ada' }),
      limit: z.coerce.number().int().min(1).max(MOST).default(100),
    }),
  },
  responses: { 200: many, ...errors() },
});

const get = createRoute({
  method: 'get',
  path: '/v1/sandboxes/{id}',
  summary: 'One sandbox; how it ended, when it is over',
  security: WITH_KEY,
  request: { params },
  responses: { 200: one, ...errors('not_found') },
});

const kill = createRoute({
  method: 'delete',
  path: '/v1/sandboxes/{id}',
  summary: 'End a sandbox; ending one that is over changes nothing',
  security: WITH_KEY,
  request: { params },
  responses: { 200: one, ...errors('not_found') },
});

const timeout = createRoute({
  method: 'post',
  path: '/v1/sandboxes/{id}/timeout',
  summary: 'Set how long it lives from now on',
  security: WITH_KEY,
  request: { params, body: takes(z.strictObject({ ttlSeconds: Ttl })) },
  responses: { 200: one, ...errors('not_found', 'gone') },
});

const logs = createRoute({
  method: 'get',
  path: '/v1/sandboxes/{id}/logs',
  summary: 'What happened to a sandbox, oldest line first: each connection that it may not have',
  security: WITH_KEY,
  request: {
    params,
    query: z.object({
      limit: z.coerce.number().int().min(0).max(10_000).default(100),
      follow: z.enum(['0', '1']).default('0'),
    }),
  },
  responses: { 200: streams('the lines', LogLineShape), ...errors('not_found') },
});

const metrics = createRoute({
  method: 'get',
  path: '/v1/sandboxes/{id}/metrics',
  summary: 'What it used in the last hour, oldest first',
  security: WITH_KEY,
  request: { params },
  responses: {
    200: answers('the samples', z.object({ samples: z.array(UsageShape) })),
    ...errors('not_found', 'gone'),
  },
});

export function sandboxRoutes({ sandboxes, log, closing }: ApiParts): Api {
  return newApi()
    .openapi(create, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { project, ...request } = c.req.valid('json');
      const whose = projectFor(c.var.principal, project, DEFAULT_PROJECT);
      return c.json(await sandboxes.create({ ...request, project: whose }, c.req.raw.signal), 201);
    })
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const { state, metadata, limit } = c.req.valid('query');
      const filter = { state, limit, metadata: metadata === undefined ? undefined : pairs([metadata].flat()) };
      return c.json({ sandboxes: await sandboxes.list(c.var.principal.project, filter) }, 200);
    })
    .openapi(get, async (c) => {
      requireScope(c.var.principal, 'read');
      return c.json(await sandboxes.get(c.req.valid('param').id, c.var.principal.project), 200);
    })
    .openapi(kill, async (c) => {
      requireScope(c.var.principal, 'deploy');
      return c.json(await sandboxes.kill(c.req.valid('param').id, c.var.principal.project), 200);
    })
    .openapi(timeout, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { ttlSeconds } = c.req.valid('json');
      return c.json(await sandboxes.setTimeout(c.req.valid('param').id, c.var.principal.project, ttlSeconds), 200);
    })
    .openapi(logs, async (c) => {
      requireScope(c.var.principal, 'read');
      const { id } = c.req.valid('param');
      const { project } = c.var.principal;
      const { limit, follow } = c.req.valid('query');
      await sandboxes.get(id, project);
      return ndjson(c, {
        log,
        closing,
        produce: (signal) => sandboxes.logs(id, project, { limit, follow: follow === '1' }, signal),
        failed: (error) => error.toBody(),
      });
    })
    .openapi(metrics, async (c) => {
      requireScope(c.var.principal, 'read');
      return c.json({ samples: await sandboxes.usage(c.req.valid('param').id, c.var.principal.project) }, 200);
    });
}

function pairs(texts: string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf('=');
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      throw new ThawError('invalid_input', 'metadata: must look like name=value.');
    }),
  );
}
