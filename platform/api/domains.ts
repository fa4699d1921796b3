import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from './authentication.ts';
import { answers, errors, takes, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { AppName, DomainShape } from './shapes.ts';

/** No host name is longer, however it is written; the control plane checks the rest. */
const Host = z.string().min(1).max(1024).openapi({ example: 'www.example.com' });
const params = z.object({ app: AppName });

const list = createRoute({
  method: 'get',
  path: '/v1/apps/{app}/domains',
  summary: 'The host names of an app’s own',
  security: WITH_KEY,
  request: { params },
  responses: { 200: answers('the domains', z.object({ domains: z.array(DomainShape) })), ...errors('not_found') },
});

const add = createRoute({
  method: 'post',
  path: '/v1/apps/{app}/domains',
  summary: 'Let a host name lead to an app; `*.example.com` stands for every name one label below',
  security: WITH_KEY,
  request: { params, body: takes(z.strictObject({ host: Host })) },
  responses: { 201: answers('the domain', DomainShape), ...errors('not_found', 'conflict', 'too_large') },
});

const remove = createRoute({
  method: 'delete',
  path: '/v1/apps/{app}/domains/{host}',
  summary: 'Let a host name lead to an app no more',
  security: WITH_KEY,
  request: { params: params.extend({ host: Host }) },
  responses: { 204: { description: 'removed' }, ...errors('not_found') },
});

export function domainRoutes({ control }: ApiParts): Api {
  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      return c.json({ domains: await control.domains.list(app.name) }, 200);
    })
    .openapi(add, async (c) => {
      requireScope(c.var.principal, 'manage');
      const app = await control.apps.get(c.req.valid('param').app, c.var.principal.project);
      return c.json(await control.domains.add(app.name, c.req.valid('json').host), 201);
    })
    .openapi(remove, async (c) => {
      requireScope(c.var.principal, 'manage');
      const { app: name, host } = c.req.valid('param');
      const app = await control.apps.get(name, c.var.principal.project);
      await control.domains.remove(app.name, host);
      return c.body(null, 204);
    });
}
