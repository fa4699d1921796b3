import { createRoute, z } from '@hono/zod-openapi';
import { DEFAULT_PROJECT } from '../control/projects.ts';
import { projectFor, requireScope } from './authentication.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { EgressShape, SandboxId, SandboxShape, TemplateName, TemplateShape, Ttl } from './sandbox-shapes.ts';
import { ProjectName } from './shapes.ts';
import { edgeUrl } from './url.ts';

const params = z.object({ id: SandboxId });
const one = answers('the sandbox', SandboxShape);

const pause = createRoute({
  method: 'post',
  path: '/v1/sandboxes/{id}/pause',
  summary: 'Freeze a sandbox with its memory and processes; its time stands still',
  security: WITH_KEY,
  request: { params },
  responses: { 200: one, ...errors('not_found', 'gone') },
});

const resume = createRoute({
  method: 'post',
  path: '/v1/sandboxes/{id}/resume',
  summary: 'Let a paused sandbox go on, with its whole time again',
  security: WITH_KEY,
  request: { params, body: { ...takes(z.strictObject({ ttlSeconds: Ttl.optional() })), required: false } },
  responses: { 200: one, ...errors('not_found', 'gone', 'quota_exceeded', 'no_room') },
});

const setEgress = createRoute({
  method: 'put',
  path: '/v1/sandboxes/{id}/egress',
  summary: 'Change what a sandbox may reach, while it runs',
  security: WITH_KEY,
  request: { params, body: takes(EgressShape) },
  responses: { 200: one, ...errors('not_found', 'gone') },
});

const fork = createRoute({
  method: 'post',
  path: '/v1/sandboxes/{id}/fork',
  summary: 'Copy a sandbox, disk and memory, running processes included; all copies or none',
  security: WITH_KEY,
  request: { params, body: takes(z.strictObject({ count: z.number().int().default(1), ttlSeconds: Ttl.optional() })) },
  responses: {
    201: answers('the copies', z.object({ sandboxes: z.array(SandboxShape) })),
    ...errors('not_found', 'gone', 'quota_exceeded', 'no_room'),
  },
});

const snapshot = createRoute({
  method: 'post',
  path: '/v1/sandboxes/{id}/snapshot',
  summary: 'Copy a sandbox into the next version of a template; it goes on',
  security: WITH_KEY,
  request: { params, body: takes(z.strictObject({ name: TemplateName })) },
  responses: { 201: answers('the template', TemplateShape), ...errors('not_found', 'gone') },
});

const token = createRoute({
  method: 'post',
  path: '/v1/sandboxes/{id}/ports/{port}/token',
  summary: 'Leave to reach a private port at the edge',
  description: 'Sent as the header `x-thaw-token`, the query parameter or the cookie `thaw_token`.',
  security: WITH_KEY,
  request: {
    params: params.extend({ port: z.coerce.number().int().min(1).max(65_535) }),
    body: { ...takes(z.strictObject({ ttlSeconds: Ttl.optional() })), required: false },
  },
  responses: {
    201: answers('the token', z.object({ token: z.string(), expiresAt: z.iso.datetime(), url: z.url() })),
    ...errors('not_found', 'gone'),
  },
});

const templates = createRoute({
  method: 'get',
  path: '/v1/templates',
  summary: 'What sandboxes can be made from, newest first',
  security: WITH_KEY,
  responses: { 200: answers('the templates', z.object({ templates: z.array(TemplateShape) })), ...errors() },
});

const removeTemplate = createRoute({
  method: 'delete',
  path: '/v1/templates/{name}',
  summary: 'Remove a version of a template, `name:3`, or all of them',
  description: 'Sandboxes that were made from it stay as they are.',
  security: WITH_KEY,
  request: { params: z.object({ name: TemplateName }), query: z.object({ project: ProjectName.optional() }) },
  responses: {
    200: answers('what was removed', z.object({ removed: z.array(TemplateShape) })),
    ...errors('not_found'),
  },
});

/** A token holds as long as this when nothing is said. */
const TOKEN_SECONDS = 3600;

export function sandboxStateRoutes({ sandboxes, domain, edgePort }: ApiParts): Api {
  return newApi()
    .openapi(pause, async (c) => {
      requireScope(c.var.principal, 'deploy');
      return c.json(await sandboxes.pause(c.req.valid('param').id, c.var.principal.project), 200);
    })
    .openapi(resume, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const options = { ttlSeconds: c.req.valid('json')?.ttlSeconds, signal: c.req.raw.signal };
      return c.json(await sandboxes.resume(c.req.valid('param').id, c.var.principal.project, options), 200);
    })
    .openapi(setEgress, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id } = c.req.valid('param');
      return c.json(await sandboxes.setEgress(id, c.var.principal.project, c.req.valid('json')), 200);
    })
    .openapi(fork, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id } = c.req.valid('param');
      const made = await sandboxes.fork(id, c.var.principal.project, c.req.valid('json'), c.req.raw.signal);
      return c.json({ sandboxes: made }, 201);
    })
    .openapi(snapshot, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { name } = c.req.valid('json');
      const { id } = c.req.valid('param');
      return c.json(await sandboxes.snapshot(id, c.var.principal.project, name, c.req.raw.signal), 201);
    })
    .openapi(token, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const { id, port } = c.req.valid('param');
      const seconds = c.req.valid('json')?.ttlSeconds ?? TOKEN_SECONDS;
      const signed = await sandboxes.portToken(id, c.var.principal.project, port, seconds);
      return c.json({ ...signed, url: edgeUrl(`${port}-${id}`, { domain, edgePort }) }, 201);
    })
    .openapi(templates, async (c) => {
      requireScope(c.var.principal, 'read');
      return c.json({ templates: await sandboxes.templates(c.var.principal.project) }, 200);
    })
    .openapi(removeTemplate, async (c) => {
      requireScope(c.var.principal, 'deploy');
      const project = projectFor(c.var.principal, c.req.valid('query').project, DEFAULT_PROJECT);
      return c.json({ removed: await sandboxes.removeTemplate(project, c.req.valid('param').name) }, 200);
    });
}
