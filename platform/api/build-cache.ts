import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from './authentication.ts';
import { answers, errors, WITH_KEY } from './describe.ts';
import { type Api, newApi } from './environment.ts';
import type { ApiParts } from './parts.ts';
import { AppName, CachedInstallShape } from './shapes.ts';

const list = createRoute({
  method: 'get',
  path: '/v1/build-cache',
  summary: 'The frozen installs that builds of the project begin from; of all projects for an admin',
  security: WITH_KEY,
  responses: { 200: answers('the entries', z.object({ entries: z.array(CachedInstallShape) })), ...errors() },
});

const clear = createRoute({
  method: 'delete',
  path: '/v1/build-cache',
  summary: 'Remove them: the next build of each app installs again',
  security: WITH_KEY,
  request: { query: z.object({ app: AppName.optional().openapi({ description: 'Default: all of them.' }) }) },
  responses: {
    200: answers('how many were removed', z.object({ removed: z.number().int() })),
    ...errors('not_found'),
  },
});

export function buildCacheRoutes({ control, buildCache }: ApiParts): Api {
  return newApi()
    .openapi(list, async (c) => {
      requireScope(c.var.principal, 'read');
      return c.json({ entries: await buildCache.list(c.var.principal.project) }, 200);
    })
    .openapi(clear, async (c) => {
      const { principal } = c.var;
      requireScope(principal, 'deploy');
      const { app } = c.req.valid('query');
      if (app === undefined) return c.json({ removed: await buildCache.clear(principal.project) }, 200);
      const { name, project } = await control.apps.get(app, principal.project);
      return c.json({ removed: await buildCache.clear(project, name) }, 200);
    });
}
